//! Where a request came from, behind the proxies that are trusted to say it. Anybody else can write
//! what they like into `X-Forwarded-For`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The client's address: the peer's own, or, where that is a trusted proxy, the last address of
/// `X-Forwarded-For` that is none. What a trusted proxy did not name stays the proxy's.
pub(crate) fn client_of(trusted: &[IpNet], request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    behind(trusted, peer, request.headers())
}

/// What is counted as one client: whoever has one address of IPv6 has all of its network.
pub(crate) fn counted(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn behind(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: &IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    // Each proxy adds whom it was asked by, in a line of its own or at the end of the last.
    let lines: Vec<_> = headers.get_all("x-forwarded-for").collect();
    let mut names = lines.into_iter().rev().flat_map(|line| {
        line.to_str().unwrap_or_default().rsplit(',').map(|name| address_of(name.trim()))
    });
    let mut client = peer;
    while is_trusted(&client) {
        let Some(Some(before)) = names.next() else { break };
        client = before;
    }
    client
}

/// An address, which some proxies write with a port or in brackets.
fn address_of(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let with_port = || name.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, lines: &[&'static str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::from_static("x-forwarded-for");
            headers.append(name, HeaderValue::from_static(line));
        }
        behind(&trusted, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_say_who_asks() {
        assert_eq!(client("203.0.113.9", &[]), "203.0.113.9");
        // Anybody's own words.
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("fd00::1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        // What the client wrote itself stands before what the proxy added.
        assert_eq!(client("10.1.2.3", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.1.2.3", &["1.1.1.1", "198.51.100.1"]), "198.51.100.1");
        // As some write it.
        assert_eq!(client("10.1.2.3", &["198.51.100.1:51544"]), "198.51.100.1");
        assert_eq!(client("10.1.2.3", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client("10.1.2.3", &["[2001:db8::1]"]), "2001:db8::1");
        // Proxies in a row.
        assert_eq!(client("10.1.2.3", &["198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        // One that says nothing, or nonsense, is who asks.
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &["198.51.100.1, unknown"]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &["10.4.4.4"]), "10.4.4.4");
    }
}
