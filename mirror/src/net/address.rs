//! Which addresses belong to everybody, and which to somebody's own network.
//!
//! Follows the special-purpose registries of IANA (RFC 6890). Invariant: an address that merely wraps
//! another one is judged by the one within.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the address is one of the open internet: not private, link-local, loopback, shared,
/// multicast, reserved, or one of documentation.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        // Shared between a provider and its customers, RFC 6598.
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        // Benchmarks, RFC 2544.
        || (a == 198 && b & 0xfe == 18)
        // Reserved, and the broadcast address.
        || a >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(within) = wrapped(address) {
        return is_public_v4(within);
    }
    let [a, b, ..] = address.segments();
    // 2000::/3 is all that was ever given out; within it, documentation and benchmarks.
    a & 0xe000 == 0x2000 && !(a == 0x2001 && (b == 0xdb8 || b == 2)) && a != 0x3fff
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, behind NAT64 (RFC 6052), 6to4.
fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(pair(high, low))
        }
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: bool) {
        assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for address in [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn private_local_and_reserved_addresses_are_not() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.1",
            "198.18.0.1",
            "198.19.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "203.0.113.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
        ] {
            check(address, false);
        }
    }

    #[test]
    fn a_private_address_in_disguise_is_private() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
        ] {
            check(address, false);
        }
        check("::ffff:8.8.8.8", true);
        check("64:ff9b::808:808", true);
    }
}
