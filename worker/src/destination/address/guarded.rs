//! The resolver of the client that calls destinations: it gives no address that may not be called.
//!
//! Owns the choice of addresses, once per connection: the client connects to what it is given, so there is no
//! second look-up between check and connection. Refuses to judge an address in numbers, about which a client
//! asks nobody, and to limit the time, which the client's own limit for connections does.
//!
//! [`database_addresses`] is the same for databases, which no HTTP client calls.
//!
//! It is for direct connections. Through a forward proxy the client resolves the proxy's name alone, and what
//! a destination's name leads to is the proxy's to judge.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use super::allow::Allow;
use super::host::Host;
use super::public::is_public;
use super::refused::Refused;

/// The most addresses of one name that are tried: each can cost a time-out.
const MAX_ADDRESSES: usize = 16;

/// The resolver.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    allow: Arc<Allow>,
}

impl Guarded {
    pub(crate) fn new(allow: Arc<Allow>) -> Self {
        Self { allow }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = Arc::clone(&self.allow);
        Box::pin(async move {
            // The client puts the port in.
            let found = lookup_host((name.as_str(), 0)).await?;
            // A name that is not listed is called on the port of https alone.
            let permitted = permitted(name.as_str(), found, (443, true), &allow)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// Where a database may be called: what the host leads to now, and its port. An address in numbers is as it
/// was checked.
pub(crate) async fn database_addresses(
    host: &Url,
    port: u16,
    allow: &Allow,
) -> io::Result<Result<Vec<SocketAddr>, Refused>> {
    match (Host::of(host), host.host_str()) {
        (Some(Host::Address(address)), _) => Ok(Ok(vec![SocketAddr::new(address, port)])),
        (Some(Host::Name(_)), Some(name)) => {
            Ok(permitted(name, lookup_host((name, port)).await?, (port, false), allow))
        }
        _ => Ok(Err(Refused::Name)),
    }
}

/// The addresses that may be called, of those that a name leads to.
fn permitted(
    name: &str,
    found: impl Iterator<Item = SocketAddr>,
    (port, is_schemes): (u16, bool),
    allow: &Allow,
) -> Result<Vec<SocketAddr>, Refused> {
    let is_listed = allow.lists(Host::name(name));
    let may_be_called = |found: &SocketAddr| {
        let address = found.ip();
        let host = Host::address(address);
        is_listed || is_public(address) || allow.opens(host, port, is_schemes)
    };
    let permitted: Vec<_> = found.filter(may_be_called).take(MAX_ADDRESSES).collect();
    if permitted.is_empty() { Err(Refused::Resolved) } else { Ok(permitted) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::net::{IpAddr, Ipv4Addr};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn chosen(name: &str, found: &[&str], list: &str) -> Result<Vec<String>, Refused> {
        let found = found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
        let permitted = permitted(name, found, (443, true), &Allow::parse(list).unwrap())?;
        Ok(permitted.iter().map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn only_addresses_that_may_be_called_are_given() {
        let found = ["10.0.0.1", "8.8.8.8", "::ffff:127.0.0.1", "2606:4700::1", "fd00::1"];
        let name = "hooks.example.com";
        assert_eq!(chosen(name, &found, "").unwrap(), ["8.8.8.8", "2606:4700::1"]);
        let private = ["10.0.0.1", "fd00::1"];
        assert_eq!(chosen(name, &private, ""), Err(Refused::Resolved));
        assert_eq!(chosen(name, &private, "10.0.0.0/8").unwrap(), ["10.0.0.1"]);
        assert_eq!(chosen(name, &["::ffff:10.0.0.1"], "10.0.0.1").unwrap(), ["::ffff:10.0.0.1"]);
        // On that port a name is called only if it is listed itself.
        assert_eq!(chosen(name, &private, "10.0.0.0/8:8080"), Err(Refused::Resolved));
    }

    #[test]
    fn a_listed_name_leads_wherever_it_leads() {
        let private = ["10.0.0.1", "fd00::1"];
        for list in ["git.corp.example", "*.corp.example", "git.corp.example:8443"] {
            for name in ["git.corp.example", "git.corp.example."] {
                assert_eq!(chosen(name, &private, list).unwrap(), private, "{name} by {list}");
            }
            assert_eq!(chosen("corp.example", &private, list), Err(Refused::Resolved));
        }
    }

    #[test]
    fn of_many_addresses_some_are_given() {
        assert_eq!(chosen("hooks.example.com", &["8.8.8.8"; 100], "").unwrap().len(), 16);
    }

    #[tokio::test]
    async fn a_database_is_called_where_its_name_leads_to_and_its_port_is_opened() {
        let addresses = async |host: &str, list: &str| {
            let host = Url::parse(&format!("https://{host}/")).unwrap();
            let allow = Allow::parse(list).unwrap();
            let found = database_addresses(&host, 5433, &allow).await.unwrap();
            found
                .map(|found| found.iter().map(|one| (one.ip().is_loopback(), one.port())).collect())
        };
        let loopback = vec![(true, 5433)];
        assert_eq!(addresses("127.0.0.1", "").await, Ok(loopback.clone()));
        for list in ["", "127.0.0.0/8, ::1", "127.0.0.0/8:5432"] {
            assert_eq!(addresses("localhost", list).await, Err(Refused::Resolved), "{list}");
        }
        assert_eq!(addresses("localhost", "127.0.0.0/8:5433").await, Ok(loopback));
    }

    async fn call(url: &str, list: &str) -> reqwest::Result<u16> {
        let allow = Arc::new(Allow::parse(list).unwrap());
        let client = shared::http_client::builder()
            .tls_certs_only([])
            .dns_resolver(Guarded::new(allow))
            .build()
            .unwrap();
        client.get(url).send().await.map(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn a_client_connects_to_what_is_given_and_a_refusal_is_found_in_its_error() {
        let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());

        let error = call(&url, "").await.unwrap_err();
        assert_eq!(Refused::find_in(&error), Some(&Refused::Resolved));

        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });
        assert_eq!(call(&url, "127.0.0.0/8").await.unwrap(), 204);
        answering.await.unwrap();
    }
}
