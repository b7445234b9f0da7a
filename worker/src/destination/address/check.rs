//! Whether a destination may be called at an address, as far as the address itself tells.
//!
//! Owns schemes, ports, and what stands beside them. Refuses to resolve names: [`super::Guarded`] does, at
//! each connection, since a name can lead elsewhere at any time.

use reqwest::Url;

use super::allow::Allow;
use super::host::{Host, is_global};
use super::public::is_public;
use super::refused::Refused;

/// Where a PostgreSQL listens, and where its usual pooler does.
const DATABASE_PORTS: [u16; 2] = [5432, 6432];

/// Where Slack's webhooks are, for governments too.
const SLACK_HOSTS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];

/// Checks an address. What the operator has listed is called as it is listed, on no other port: the resolver
/// sees none, and gives a listed name's addresses whatever they are.
pub(crate) fn check(url: &Url, allow: &Allow) -> Result<(), Refused> {
    let (is_https, usual) = match url.scheme() {
        "https" => (true, 443),
        "http" => (false, 80),
        _ => return Err(Refused::Scheme),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Userinfo);
    }
    let host = Host::of(url).ok_or(Refused::Name)?;
    let port = url.port().unwrap_or(usual);
    if allow.lists(host) {
        let is_open = allow.opens(host, port, port == usual);
        return if is_open { Ok(()) } else { Err(Refused::Port(port)) };
    }
    if !is_https {
        return Err(Refused::Scheme);
    }
    if port != usual {
        return Err(Refused::Port(port));
    }
    on_the_internet(host)
}

/// Checks the address of a Slack webhook: of Slack's, or of what the operator has listed.
pub(crate) fn check_slack(url: &Url, allow: &Allow) -> Result<(), Refused> {
    check(url, allow)?;
    let host = Host::of(url).ok_or(Refused::Name)?;
    let is_slacks = matches!(host, Host::Name(name) if SLACK_HOSTS.contains(&name));
    if is_slacks || allow.lists(host) { Ok(()) } else { Err(Refused::NotSlack) }
}

/// Checks where a database is: the host of `host`, and its port. An entry of the operator's opens it only if
/// that names the port, since one without means the web; and only to one that is listed TLS may be missing.
pub(crate) fn check_database(
    host: &Url,
    port: u16,
    is_plain: bool,
    allow: &Allow,
) -> Result<(), Refused> {
    let host = Host::of(host).ok_or(Refused::Name)?;
    if allow.lists(host) {
        let is_open = allow.opens(host, port, false);
        return if is_open { Ok(()) } else { Err(Refused::Port(port)) };
    }
    if is_plain {
        return Err(Refused::Plain);
    }
    if !DATABASE_PORTS.contains(&port) {
        return Err(Refused::Port(port));
    }
    on_the_internet(host)
}

fn on_the_internet(host: Host<'_>) -> Result<(), Refused> {
    match host {
        Host::Name(name) if !is_global(name) => Err(Refused::Name),
        Host::Address(address) if !is_public(address) => Err(Refused::Address),
        Host::Name(_) | Host::Address(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn checked(url: &str, allow: &str) -> Result<(), Refused> {
        check(&Url::parse(url).unwrap(), &Allow::parse(allow).unwrap())
    }

    #[test]
    fn what_is_on_the_internet_is_called() {
        for url in [
            "https://hooks.example.com",
            "https://hooks.example.com:443/a/b?c=d%20e",
            "https://hooks.example.com./#part",
            "HTTPS://HOOKS.EXAMPLE.COM",
            "https://bücher.example/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]/",
            "https://[64:ff9b::8.8.8.8]/",
        ] {
            assert_eq!(checked(url, ""), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_is_not_is_refused_and_why() {
        for (url, refused) in [
            ("http://hooks.example.com/", Refused::Scheme),
            ("ftp://hooks.example.com/", Refused::Scheme),
            ("file:///etc/passwd", Refused::Scheme),
            ("unix:/run/docker.sock", Refused::Scheme),
            ("gopher://127.0.0.1:6379/x", Refused::Scheme),
            ("https://user@hooks.example.com/", Refused::Userinfo),
            ("https://:s3cret@hooks.example.com/", Refused::Userinfo),
            ("https://hooks.example.com:80/", Refused::Port(80)),
            ("https://hooks.example.com:6379/", Refused::Port(6379)),
            ("https://hooks.example.com:0/", Refused::Port(0)),
            ("https://localhost/", Refused::Name),
            ("https://LOCALHOST./", Refused::Name),
            ("https://a.localhost/", Refused::Name),
            ("https://redis/", Refused::Name),
            ("https://metadata.google.internal./", Refused::Name),
            ("https://127.0.0.1/", Refused::Address),
            ("https://0x7f.1/", Refused::Address),
            ("https://2852039166/latest/meta-data", Refused::Address),
            ("https://0251.0376.0251.0376/", Refused::Address),
            ("https://[::1]/", Refused::Address),
            ("https://[::]/", Refused::Address),
            ("https://[::ffff:169.254.169.254]/", Refused::Address),
            ("https://[::127.0.0.1]/", Refused::Address),
            ("https://[64:ff9b::10.0.0.1]/", Refused::Address),
            ("https://[64:ff9b:1::8.8.8.8]/", Refused::Address),
            ("https://[2002:7f00:1::]/", Refused::Address),
            ("https://[2001:0:808:808::1]/", Refused::Address),
            ("https://[fd00:ec2::254]/", Refused::Address),
        ] {
            assert_eq!(checked(url, ""), Err(refused), "{url}");
            assert!(!refused.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn what_the_operator_lists_is_called_as_it_is_listed() {
        let list = "erp, hooks.example.com:8443, *.corp.example, 10.0.0.0/8, [fd00::5]:9000";
        for (url, expected) in [
            ("http://erp/", Ok(())),
            ("https://erp/", Ok(())),
            ("http://erp:443/", Err(Refused::Port(443))),
            ("https://erp:80/", Err(Refused::Port(80))),
            ("https://erp:8443/", Err(Refused::Port(8443))),
            ("https://user@erp/", Err(Refused::Userinfo)),
            ("ftp://erp/", Err(Refused::Scheme)),
            ("https://hooks.example.com:8443/", Ok(())),
            ("http://hooks.example.com:8443/", Ok(())),
            ("https://hooks.example.com/", Err(Refused::Port(443))),
            ("http://git.corp.example/", Ok(())),
            ("http://corp.example/", Err(Refused::Scheme)),
            ("http://10.1.2.3/", Ok(())),
            ("http://0xa.1/", Ok(())),
            ("https://[::ffff:10.1.2.3]/", Ok(())),
            ("http://10.1.2.3:8080/", Err(Refused::Port(8080))),
            ("https://[fd00::5]:9000/", Ok(())),
            ("https://[fd00::6]:9000/", Err(Refused::Port(9000))),
            ("https://11.0.0.1/", Ok(())),
            ("https://192.168.0.1/", Err(Refused::Address)),
        ] {
            assert_eq!(checked(url, list), expected, "{url}");
        }
    }

    #[test]
    fn a_webhook_is_slacks_or_the_operators() {
        let checked = |url: &str, allow: &str| {
            check_slack(&Url::parse(url).unwrap(), &Allow::parse(allow).unwrap())
        };
        for (url, allow, expected) in [
            ("https://hooks.slack.com/services/x", "", Ok(())),
            ("https://HOOKS.slack-gov.com./services/x", "", Ok(())),
            ("http://hooks.slack.com/services/x", "", Err(Refused::Scheme)),
            ("https://hooks.slack.com:8443/services/x", "", Err(Refused::Port(8443))),
            ("https://hooks.slack.com.example.com/x", "", Err(Refused::NotSlack)),
            ("https://xhooks.slack.com/x", "", Err(Refused::NotSlack)),
            ("https://8.8.8.8/x", "", Err(Refused::NotSlack)),
            ("https://127.0.0.1/x", "", Err(Refused::Address)),
            ("http://127.0.0.1:9/x", "127.0.0.1:9", Ok(())),
            ("https://chat.corp.example/x", "*.corp.example", Ok(())),
        ] {
            assert_eq!(checked(url, allow), expected, "{url}");
        }
    }

    #[test]
    fn a_database_is_public_and_behind_tls_or_listed_with_its_port() {
        let checked = |host: &str, port, is_plain, allow: &str| {
            let host = Url::parse(&format!("https://{host}/")).unwrap();
            check_database(&host, port, is_plain, &Allow::parse(allow).unwrap())
        };
        for (host, port, is_plain, allow, expected) in [
            ("db.example.com", 5432, false, "", Ok(())),
            ("8.8.8.8", 6432, false, "", Ok(())),
            ("db.example.com", 5432, true, "", Err(Refused::Plain)),
            ("db.example.com", 22, false, "", Err(Refused::Port(22))),
            ("db.example.com", 443, false, "", Err(Refused::Port(443))),
            ("localhost", 5432, false, "", Err(Refused::Name)),
            ("0x7f.1", 5432, false, "", Err(Refused::Address)),
            ("[::ffff:169.254.169.254]", 5432, false, "", Err(Refused::Address)),
            ("10.0.0.5", 5432, true, "10.0.0.0/8:5432", Ok(())),
            ("10.0.0.5", 5433, true, "10.0.0.0/8:5432", Err(Refused::Port(5433))),
            // What is listed for the web is not opened to databases.
            ("10.0.0.5", 5432, false, "10.0.0.0/8", Err(Refused::Port(5432))),
            ("10.0.0.5", 443, false, "10.0.0.0/8", Err(Refused::Port(443))),
            ("db.corp.example", 25060, true, "*.corp.example:25060", Ok(())),
            ("db", 5432, false, "db:5432", Ok(())),
        ] {
            let answer = checked(host, port, is_plain, allow);
            assert_eq!(answer, expected, "{host}:{port} by {allow}");
        }
    }
}
