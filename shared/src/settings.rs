//! Settings both programs share, and how settings are read: environment variables and the same
//! flags, every secret also from a file. Nothing outside the `settings` modules reads the
//! environment.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

mod secret;
mod trace;

pub use secret::{secret, secret_in};
pub use trace::TraceSettings;

/// How to reach the broker, and the names used there.
#[derive(Args, Clone, Debug)]
pub struct BrokerSettings {
    /// RabbitMQ's address, with several hosts where it has several: `amqp://user:password@a:5672,b:5672,c:5672/vhost`; `%2f` (or nothing) as the path is the default vhost
    #[arg(long, env, hide_env_values = true, default_value = "amqp://127.0.0.1:5672/%2f")]
    pub amqp_url: SecretString,
    /// File that holds AMQP_URL
    #[arg(long, env, value_name = "FILE")]
    pub amqp_url_file: Option<PathBuf>,
    /// First part of every name on the broker and in Redis
    #[arg(long, env, default_value = "hubline", value_parser = parse_prefix)]
    pub prefix: String,
    /// Number of work queues; a portal's events always go to the same one
    #[arg(long, env, default_value = "4", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub work_shards: u32,
}

impl BrokerSettings {
    /// The broker's hosts, from the file if one is named: each as an address of its own. At least one.
    pub fn hosts(&self) -> anyhow::Result<Vec<AMQPUri>> {
        let from_file = secret("AMQP_URL", None, self.amqp_url_file.as_deref())?;
        let url = from_file.as_ref().unwrap_or(&self.amqp_url);
        let urls = one_a_host(url.expose_secret());
        // lapin's parser would take it for `localhost`.
        anyhow::ensure!(
            !urls.iter().any(|url| url.contains("@[") || url.contains("//[")),
            "AMQP_URL has an IPv6 address as its host: write a name that stands for it"
        );
        anyhow::ensure!(
            !urls.iter().any(|url| is_without_host(url)),
            "AMQP_URL has an empty host: write a name, and no comma too many"
        );
        urls.iter()
            .map(|url| {
                // The parser's message may quote the URL, and with it the password.
                let mut uri: AMQPUri = url.parse().map_err(|_| {
                    anyhow::anyhow!(
                        "AMQP_URL is not an AMQP address: write it as amqp://user:password@host:5672/vhost"
                    )
                })?;
                anyhow::ensure!(
                    !uri.vhost.is_empty(),
                    "AMQP_URL ends in `/`, which names a vhost without a name: drop the slash or write `/%2f` for the default vhost"
                );
                uri.query.heartbeat.get_or_insert(HEARTBEAT);
                Ok(uri)
            })
            .collect()
    }
}

/// In seconds. A broker gives up a peer that was silent for two or three of them, so within 9 s; its
/// own default is 60.
const HEARTBEAT: u16 = 3;

/// `amqp://user@a,b:5673/vhost` as `amqp://user@a/vhost` and `amqp://user@b:5673/vhost`.
fn one_a_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{}{path}", host.trim())).collect()
}

/// Whether an address has no host, which lapin's parser would take for `localhost` as well.
fn is_without_host(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.is_empty() || host.starts_with(':')
}

/// Where and how to log.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// Least severe level that is logged, or a filter such as `info,worker=debug`
    #[arg(long, env, default_value = "info")]
    pub log_level: String,
    /// `json`, `pretty`, or `auto`: pretty on a terminal, else JSON
    #[arg(long, env, default_value = "auto", hide_possible_values = true)]
    pub log_format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Reads a duration as it is written in settings: `200ms`, `5s`, `6h`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, e.g. 200ms, 5s, 10min, 6h"))
}

/// Reads where to listen: an address and a port, or a name and a port. A name stands for the address of
/// this machine that it has: where a machine is on several networks, that of one of them.
pub fn parse_listener(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = text.to_socket_addrs().map_err(|error| {
        format!("{error}; write an address and a port, e.g. 127.0.0.1:9090, or a name and a port")
    })?;
    found
        .into_iter()
        .find(|address| TcpListener::bind((address.ip(), 0)).is_ok())
        .ok_or_else(|| "no address of this machine has that name".to_owned())
}

/// Reads a size in bytes: `1048576`, `512KiB`, `16MiB`.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim() {
        "" | "B" => 1_usize,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a number of bytes, or one with KiB, MiB or GiB".to_owned()),
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "write a number of bytes, or one with KiB, MiB or GiB".to_owned())
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 100 || !text.chars().all(allowed) {
        return Err("use 1 to 100 letters, digits, `-`, `_` or `.`".to_owned());
    }
    Ok(text.to_owned())
}

/// Refuses two listeners on one address, which would fail later and less clearly.
pub fn distinct_listeners(listeners: &[(&str, SocketAddr)]) -> anyhow::Result<()> {
    for (index, (name, address)) in listeners.iter().enumerate() {
        for (other, taken) in &listeners[..index] {
            anyhow::ensure!(
                address != taken || address.port() == 0,
                "{name} and {other} are both {address}: give each its own port"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn broker(url: &str) -> BrokerSettings {
        BrokerSettings {
            amqp_url: SecretString::from(url.to_owned()),
            amqp_url_file: None,
            prefix: "hubline".to_owned(),
            work_shards: 1,
        }
    }

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(parse_bytes("16MiB"), Ok(16 * 1024 * 1024));
        assert_eq!(parse_bytes("1000"), Ok(1000));
        assert!(parse_bytes("16MB").is_err());
        assert!(parse_bytes("99999999999GiB").is_err());
        assert!(parse_bytes("").is_err());
    }

    #[test]
    fn a_listener_may_be_named_if_the_name_is_this_machines() {
        assert_eq!(parse_listener("10.1.2.3:80"), Ok(SocketAddr::from(([10, 1, 2, 3], 80))));
        let named = parse_listener("localhost:8080").unwrap();
        assert!(named.ip().is_loopback() && named.port() == 8080, "{named}");
        for bad in ["localhost", "localhost:x", "nobody.invalid:80", ""] {
            assert!(parse_listener(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_error_does_not_show_the_password() {
        for url in [
            "amqp://user:hunter2@",
            "http://user:hunter2@host/",
            "amqp://user:hunter2@host/",
            "amqp://user:hunter2@host,/%2f",
            "amqp://user:hunter2@host,other:x/%2f",
            "amqp://user:hunter2@host,[::1]:5672/%2f",
        ] {
            let settings = broker(url);
            let error = format!("{:#} {settings:?}", settings.hosts().unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_address_without_a_heartbeat_gets_one() {
        let heartbeat = |url| broker(url).hosts().unwrap()[0].query.heartbeat;
        assert_eq!(heartbeat("amqp://host/%2f"), Some(HEARTBEAT));
        assert_eq!(heartbeat("amqp://host/%2f?heartbeat=30"), Some(30));
    }

    #[test]
    fn an_address_with_several_hosts_is_one_of_each() {
        let hosts = broker("amqps://user:a,b@one,two:5673, 10.0.0.3:5674/hub?heartbeat=4");
        let hosts = hosts.hosts().unwrap();
        let read: Vec<_> =
            hosts.iter().map(|uri| (&*uri.authority.host, uri.authority.port)).collect();
        assert_eq!(read, [("one", 5671), ("two", 5673), ("10.0.0.3", 5674)]);
        for uri in &hosts {
            assert_eq!((&*uri.vhost, uri.query.heartbeat), ("hub", Some(4)));
            assert_eq!(uri.authority.userinfo.password, "a,b");
        }
    }

    #[test]
    fn an_empty_host_is_refused() {
        for url in ["amqp://a,/%2f", "amqp://,a/%2f", "amqp://a,,b:5673/%2f", "amqp:///%2f"] {
            let error = broker(url).hosts().unwrap_err().to_string();
            assert!(error.contains("an empty host"), "{url}: {error}");
        }
    }

    #[test]
    fn prefixes_that_could_break_names_are_refused() {
        assert!(parse_prefix("hubline-eu.1").is_ok());
        for bad in ["", "a b", "a{b}", "a/b"] {
            assert!(parse_prefix(bad).is_err(), "{bad}");
        }
    }
}
