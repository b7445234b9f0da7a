//! The host in an address: a name, or an address in numbers.
//!
//! Owns which names have a meaning in local networks only. Refuses to resolve one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// The longest name that DNS knows, in characters.
const MAX_CHARS: usize = 253;

/// What names of local networks end in: by the registry of special-use names (RFC 6761, RFC 6762, RFC 8375
/// and ICANN's `internal`), and by habit (RFC 6762, appendix G).
const LOCAL: [&str; 9] =
    ["localhost", "local", "internal", "home.arpa", "intranet", "private", "corp", "home", "lan"];

/// A host, in the one spelling that a parsed address has: names in lower case and in ASCII, numbers whether
/// they were decimal, octal, hexadecimal or in wide characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// Without the dot at its end.
    Name(&'a str),
    /// As IPv4 if it stands for that.
    Address(IpAddr),
}

impl<'a> Host<'a> {
    pub(super) fn of(url: &'a Url) -> Option<Self> {
        let text = url.host_str()?;
        if let Some(text) = text.strip_prefix('[') {
            let address: Ipv6Addr = text.strip_suffix(']')?.parse().ok()?;
            return Some(Self::address(address.into()));
        }
        // No name looks like one: the parser takes whatever ends in a number for an address.
        let address = text.parse::<Ipv4Addr>();
        Some(address.map_or_else(|_| Self::name(text), |address| Self::address(address.into())))
    }

    pub(super) fn name(text: &'a str) -> Self {
        Self::Name(text.strip_suffix('.').unwrap_or(text))
    }

    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

/// Whether a name could be one of the internet. What it leads to is another question.
pub(super) fn is_global(name: &str) -> bool {
    let has_empty_label = name.split('.').any(str::is_empty);
    let is_local = LOCAL.iter().any(|local| is_below(name, local));
    name.len() <= MAX_CHARS && name.contains('.') && !has_empty_label && !is_local
}

/// Whether a name ends in another one, label by label; none is below itself.
pub(super) fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn every_notation_of_an_ipv4_address_is_that_address() {
        for text in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "0x7f.0x0.0x0.0x1",
            "017700000001",
            "0177.0.0.01",
            "0177.0x0.1",
            "00000000177.0.0.1",
            "%31%32%37.0.0.1",
            "１２７.０.０.１",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
        ] {
            let url = Url::parse(&format!("https://user@{text}:8443/x")).unwrap();
            let expected = Host::Address(Ipv4Addr::LOCALHOST.into());
            assert_eq!(Host::of(&url), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_a_name() {
        for text in ["127.0.0.1.example.com", "0x7f.example", "127.0.0.1.."] {
            let url = Url::parse(&format!("https://{text}/")).unwrap();
            assert!(matches!(Host::of(&url), Some(Host::Name(_))), "{text}");
        }
        assert!(!is_global("127.0.0.1."));
    }

    #[test]
    fn names_are_in_lower_case_and_ascii_without_a_dot_at_the_end() {
        for (written, name) in [
            ("LocalHost", "localhost"),
            ("%6cocalhost", "localhost"),
            ("hooks.example.com.", "hooks.example.com"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("ｌｏｃａｌｈｏｓｔ", "localhost"),
        ] {
            let url = Url::parse(&format!("https://{written}/")).unwrap();
            assert_eq!(Host::of(&url), Some(Host::Name(name)), "{written}");
        }
    }

    #[test]
    fn local_names_are_told_from_those_of_the_internet() {
        for name in [
            "localhost",
            "db",
            "",
            "a.localhost",
            "printer.local",
            "kube.svc.cluster.local",
            "metadata.google.internal",
            "nas.home.arpa",
            "git.corp",
            "hooks..example.com",
            "hooks.example.com.",
            ".example.com",
        ] {
            assert!(!is_global(name), "{name}");
        }
        for name in ["example.com", "local.example.com", "a.notlocal", "internal.io", "x.arpa"] {
            assert!(is_global(name), "{name}");
        }
        assert!(is_global(&format!("{}com", "a.".repeat(125))));
        assert!(!is_global(&format!("{}comm", "a.".repeat(125))));
    }

    #[test]
    fn a_name_is_below_another_by_whole_labels() {
        assert!(is_below("a.corp.example", "corp.example"));
        assert!(is_below("b.a.corp.example", "corp.example"));
        for name in ["corp.example", "xcorp.example", ".corp.example", "a.corp.example.com"] {
            assert!(!is_below(name, "corp.example"), "{name}");
        }
    }
}
