//! Which addresses are on the internet, where everybody may call anybody.
//!
//! Owns the ranges that are not, of IANA's registries of special-purpose addresses for IPv4 and IPv6, those
//! of multicast, and what is reserved. Names and permissions are not its business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// All that is not public. Exceptions within, such as two addresses of 192.0.0.0/24 that are reachable, are
/// services of networks: no destination is there.
const SPECIAL_V4: [Ipv4Net; 19] = [
    v4([0, 0, 0, 0], 8),        // this network
    v4([10, 0, 0, 0], 8),       // private
    v4([100, 64, 0, 0], 10),    // shared by a provider's customers, and by some clouds' services
    v4([127, 0, 0, 0], 8),      // loopback
    v4([168, 63, 129, 16], 32), // one cloud's own services, for its machines alone
    v4([169, 254, 0, 0], 16),   // link-local, where clouds have their metadata
    v4([172, 16, 0, 0], 12),    // private
    v4([192, 0, 0, 0], 24),     // protocol assignments
    v4([192, 0, 2, 0], 24),     // documentation
    v4([192, 31, 196, 0], 24),  // AS112: whoever is nearest answers
    v4([192, 52, 193, 0], 24),  // multicast tunnels: whoever is nearest answers
    v4([192, 88, 99, 0], 24),   // 6to4 relays: whoever is nearest answers
    v4([192, 168, 0, 0], 16),   // private
    v4([192, 175, 48, 0], 24),  // AS112 again
    v4([198, 18, 0, 0], 15),    // benchmarks
    v4([198, 51, 100, 0], 24),  // documentation
    v4([203, 0, 113, 0], 24),   // documentation
    v4([224, 0, 0, 0], 4),      // multicast
    v4([240, 0, 0, 0], 4),      // reserved, and broadcast
];

/// What is assigned at all. Outside are `::1`, private, link-local and site-local addresses, multicast, the
/// discard prefix, segment routing, IPv4 in the compatible form, and NAT64 of a network's own.
const UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);

/// All within that is not public.
const SPECIAL_V6: [Ipv6Net; 5] = [
    v6([0x2001, 0, 0], 23), // protocol assignments: Teredo, benchmarks, ORCHID, drones
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x2002, 0, 0], 16), // 6to4: an IPv4 address by way of whatever relay there is
    v6([0x2620, 0x4f, 0x8000], 48), // AS112: whoever is nearest answers
    v6([0x3fff, 0, 0], 20), // documentation
];

/// NAT64 that everybody knows: a gateway turns it into the IPv4 address within.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// Whether an address is on the internet. One that stands for an IPv4 address is judged by that.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) => is_public(IpAddr::V4(last(address))),
        IpAddr::V6(address) => {
            UNICAST.contains(&address) && !SPECIAL_V6.iter().any(|range| range.contains(&address))
        }
    }
}

/// The last 32 bits.
fn last(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c]: [u16; 3], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    fn is_public(address: &str) -> bool {
        super::is_public(address.parse().unwrap())
    }

    #[test]
    fn the_ends_of_every_special_range_are_not_public_and_what_is_beside_it_is() {
        for (before, first, last, after) in [
            ("", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
            ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"),
            ("192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"),
            ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
            ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"),
            ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("223.255.255.255", "224.0.0.0", "255.255.255.255", ""),
            ("", "2001::", "2001:1ff:ffff::ffff", "2001:200::"),
            ("2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::ffff", "2001:db9::"),
            ("2001:ffff::", "2002::", "2002:ffff:ffff::ffff", "2003::"),
            ("2620:4f:7fff::", "2620:4f:8000::", "2620:4f:8000:ffff::", "2620:4f:8001::"),
            ("3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"),
        ] {
            assert!(!is_public(first), "{first}");
            assert!(!is_public(last), "{last}");
            for beside in [before, after].iter().filter(|beside| !beside.is_empty()) {
                assert!(is_public(beside), "{beside}");
            }
        }
    }

    #[test]
    fn whatever_is_no_global_unicast_is_not_public() {
        for address in [
            "169.254.169.254",
            "255.255.255.255",
            "192.0.0.9",
            "::",
            "::1",
            "64:ff9b:1::1",
            "64:ff9b:1:ffff::8.8.8.8",
            "100::1",
            "100:0:0:1::1",
            "1fff:ffff::",
            "2001::4136:e378:8000:63bf:3fff:fdd2",
            "2001:20::1",
            "2002:808:808::1",
            "4000::",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address), "{address}");
        }
        for address in ["8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001::200e", "2000::"] {
            assert!(is_public(address), "{address}");
        }
    }

    #[test]
    fn ipv6_that_leads_to_ipv4_is_judged_by_that() {
        for (prefix, leads) in [("::ffff:", true), ("64:ff9b::", true), ("::", false)] {
            for private in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"] {
                assert!(!is_public(&format!("{prefix}{private}")), "{prefix}{private}");
            }
            assert_eq!(is_public(&format!("{prefix}8.8.8.8")), leads, "{prefix}8.8.8.8");
        }
    }
}
