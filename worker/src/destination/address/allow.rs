//! What an operator allows although it is not on the internet: `DESTINATION_ALLOW`.
//!
//! Owns the list's syntax and what an entry covers. Refuses entries that would cover nothing.
//!
//! | Entry | Covers |
//! |---|---|
//! | `erp.corp.example`, `10.0.0.5`, `[fd00::5]` | this host |
//! | `*.corp.example` | the names below, and not `corp.example` itself |
//! | `10.0.0.0/8`, `fd00::/8` | these addresses, also where a name leads to them |
//!
//! Each on the ports 443 of https and 80 of http, or on one port alone that follows it: `10.0.0.5:8443`,
//! `*.corp.example:8443`, `10.0.0.0/8:8443`.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use reqwest::Url;

use super::host::{Host, is_below};

/// The longest list, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allow(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    hosts: Hosts,
    /// None: that of the scheme.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    Name(String),
    Below(String),
    Network(IpNet),
}

/// Why a text is no such list. It does not repeat the entry, in which there may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AllowError {
    #[error(
        "entry {0} is no host, no network such as 10.0.0.0/8 and no *.SUFFIX, \
         each with a :PORT or without"
    )]
    Entry(usize),
    #[error("the list is longer than {MAX_BYTES} bytes")]
    TooLong,
}

impl Allow {
    /// Reads a list with commas or spaces between.
    pub(crate) fn parse(text: &str) -> Result<Self, AllowError> {
        if text.len() > MAX_BYTES {
            return Err(AllowError::TooLong);
        }
        let between = |character: char| character == ',' || character.is_whitespace();
        let entries = text.split(between).filter(|entry| !entry.is_empty()).enumerate();
        entries
            .map(|(index, text)| Entry::parse(text).ok_or(AllowError::Entry(index + 1)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a host is listed, on whatever port.
    pub(super) fn lists(&self, host: Host<'_>) -> bool {
        self.0.iter().any(|entry| entry.hosts.cover(host))
    }

    /// Whether a host is listed on this port, which can be that of the scheme.
    pub(super) fn opens(&self, host: Host<'_>, port: u16, is_schemes: bool) -> bool {
        let is_open = |entry: &Entry| entry.port.map_or(is_schemes, |listed| listed == port);
        self.0.iter().any(|entry| is_open(entry) && entry.hosts.cover(host))
    }
}

impl FromStr for Allow {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some((address, rest)) = text.split_once('/') {
            let (length, port) = ported(rest)?;
            let hosts = network(address.parse().ok()?, number(length)?)?;
            return Some(Self { hosts, port });
        }
        // Without brackets no port can follow.
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Self { hosts: single(address.into())?, port: None });
        }
        let (host, port) = if text.ends_with(']') { (text, None) } else { ported(text)? };
        Some(Self { hosts: Hosts::parse(host)?, port })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        let suffix = text.strip_prefix("*.");
        let text = suffix.unwrap_or(text);
        let is_bracketed = text.starts_with('[') && text.ends_with(']');
        if text.contains(['@', '?', '#', '\\', '*']) || (text.contains(':') && !is_bracketed) {
            return None;
        }
        // As addresses of destinations are read, so that both have the same spelling.
        let url = Url::parse(&format!("https://{text}/")).ok()?;
        match (Host::of(&url)?, suffix) {
            (Host::Name(name), _) if name.split('.').any(str::is_empty) => None,
            (Host::Name(name), None) => Some(Self::Name(name.to_owned())),
            (Host::Name(name), Some(_)) => Some(Self::Below(name.to_owned())),
            (Host::Address(address), None) => single(address),
            (Host::Address(_), Some(_)) => None,
        }
    }

    fn cover(&self, host: Host<'_>) -> bool {
        match (self, host) {
            (Self::Name(listed), Host::Name(name)) => listed == name,
            (Self::Below(suffix), Host::Name(name)) => is_below(name, suffix),
            (Self::Network(network), Host::Address(address)) => network.contains(&address),
            _ => false,
        }
    }
}

fn single(address: IpAddr) -> Option<Hosts> {
    let address = address.to_canonical();
    network(address, if address.is_ipv4() { 32 } else { 128 })
}

fn network(address: IpAddr, length: u8) -> Option<Hosts> {
    // Addresses that stand for IPv4 are looked up as that, so this would cover none.
    let is_canonical = address == address.to_canonical();
    IpNet::new(address, length).ok().filter(|_| is_canonical).map(Hosts::Network)
}

/// What is before the last colon, and the port behind it, if there is a colon.
fn ported(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((before, port)) => Some((before, Some(number(port).filter(|port| *port > 0)?))),
        None => Some((text, None)),
    }
}

/// Digits alone: the standard library takes a sign too.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    /// Whether a list opens a host to https, on its own port if on none.
    fn opens(list: &str, host: &str, port: Option<u16>) -> bool {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        let list = Allow::parse(list).unwrap();
        list.opens(Host::of(&url).unwrap(), port.unwrap_or(443), port.is_none())
    }

    #[test]
    fn an_entry_covers_its_hosts_on_its_port() {
        for (list, host, port) in [
            ("erp", "ERP", None),
            ("erp:443", "erp", None),
            ("Bücher.example.", "bücher.example", None),
            ("localhost", "localhost.", None),
            ("erp.corp.example:8443", "erp.corp.example", Some(8443)),
            ("10.0.0.5", "10.0.0.5", None),
            ("10.0.0.5:8080", "[::ffff:10.0.0.5]", Some(8080)),
            ("::ffff:10.0.0.5", "10.0.0.5", None),
            ("0x7f.1:9", "2130706433", Some(9)),
            ("fd00::5", "[fd00:0::5]", None),
            ("[fd00::5]:9", "[fd00::5]", Some(9)),
            ("10.0.0.0/8", "10.255.0.1", None),
            ("10.9.9.9/8:81", "10.255.0.1", Some(81)),
            ("fd00::/8:81", "[fdff::1]", Some(81)),
            ("*.corp.example", "a.b.corp.example", None),
            ("*.local:8443", "printer.local", Some(8443)),
            (" a,\n10.0.0.0/8 ,, b:81\t*.c ", "x.c", None),
        ] {
            assert!(opens(list, host, port), "{list} for {host}");
            assert!(!opens(list, host, Some(80)), "{list} for {host}");
            assert_eq!(opens(list, host, None), port.is_none(), "{list} for {host}");
        }
    }

    #[test]
    fn an_entry_covers_nothing_else() {
        for (list, host) in [
            ("", "erp"),
            ("erp", "erp.example"),
            ("corp.example", "a.corp.example"),
            ("*.corp.example", "corp.example"),
            ("*.corp.example", "xcorp.example"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/8", "[64:ff9b::10.0.0.1]"),
            ("0.0.0.0/0", "[fd00::1]"),
            ("10.0.0.5", "10.0.0.6"),
            ("::1", "127.0.0.1"),
        ] {
            assert!(!opens(list, host, None), "{list} for {host}");
        }
    }

    #[test]
    fn what_is_no_entry_is_named_by_its_place() {
        for odd in [
            "*",
            "*.",
            "*:443",
            "a.*.example",
            "*.10.0.0.1",
            "*.*.example",
            "https://erp",
            "user:s3cret@erp",
            "erp:",
            "erp:0",
            "erp:+80",
            "erp:65536",
            "erp:80:443",
            "[::1]:80:443",
            "erp?x",
            "erp#x",
            "erp\\x",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8:0",
            "erp/8",
            "::ffff:10.0.0.0/104",
            "[fd00::5",
            "a..b",
            ".a",
            "256.1.1.1",
        ] {
            let error = Allow::parse(&format!("a, {odd}")).unwrap_err();
            assert_eq!(error, AllowError::Entry(2), "{odd}");
            assert!(!error.to_string().contains("s3cret"));
        }
        assert_eq!(Allow::parse(&"a,".repeat(40_000)).unwrap_err(), AllowError::TooLong);
    }
}
