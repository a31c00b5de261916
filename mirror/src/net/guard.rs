//! Where an upstream may lead: its own hosts, and public ones.
//!
//! An upstream's own URLs were written by the administrator and may lie anywhere. A realm or a redirect
//! was written by whoever answers, and must not make this machine ask its neighbours: the metadata
//! service of a cloud, a router, a database on loopback. Names are judged by the addresses they turn out
//! to have, for each connection anew, so that a name that changes its address gains nothing; only where
//! a proxy resolves them are they judged by themselves.

use std::net::IpAddr;

use super::address::is_public;
use super::host::{Authority, HostPattern};

/// Endings of names that never lead out of somebody's own network.
const LOCAL: [&str; 5] = ["internal", "intranet", "lan", "local", "localhost"];

/// The hosts that one upstream may lead to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    own: Vec<Authority>,
    listed: Vec<HostPattern>,
}

impl Guard {
    /// A guard for an upstream that is reached at `own` and may also lead to what is `listed`.
    pub(crate) fn new(own: Vec<Authority>, listed: Vec<HostPattern>) -> Self {
        Self { own, listed }
    }

    /// Whether a connection to `authority` may be made to this address of its.
    pub(super) fn allows(&self, authority: &Authority, address: IpAddr) -> bool {
        self.trusts(authority)
            || is_public(address)
            || self
                .listed
                .iter()
                .any(|pattern| pattern.lists_address(address, authority.port()))
    }

    /// Whether a proxy may be asked for `authority`.
    pub(super) fn allows_unresolved(&self, authority: &Authority) -> bool {
        if let Some(address) = authority.address() {
            return self.allows(authority, address);
        }
        let ending = authority.host().rsplit('.').next().unwrap_or_default();
        let is_local = ending == authority.host() || LOCAL.contains(&ending);
        // Some spell an address as one number, which a proxy might resolve.
        let is_number = ending
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'x')
            && ending.starts_with(|first: char| first.is_ascii_digit());
        self.trusts(authority) || !(is_local || is_number)
    }

    fn trusts(&self, authority: &Authority) -> bool {
        self.own.contains(authority) || self.listed.iter().any(|pattern| pattern.lists(authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(host: &str) -> Authority {
        Authority::of(&format!("https://{host}").parse().unwrap()).unwrap()
    }

    fn guard() -> Guard {
        let listed = ["10.1.0.0/16", "cdn.corp.example"].map(|text| text.parse().unwrap());
        Guard::new(vec![authority("registry.corp.example:5000")], listed.into())
    }

    #[track_caller]
    fn check(host: &str, address: &str, expected: bool) {
        let allows = guard().allows(&authority(host), address.parse().unwrap());
        assert_eq!(allows, expected, "{host} {address}");
    }

    #[test]
    fn only_what_the_administrator_wrote_may_be_private() {
        check("registry.corp.example:5000", "10.0.0.1", true);
        check("registry.corp.example:5001", "10.0.0.1", false);
        check("cdn.corp.example", "192.168.0.1", true);
        check("elsewhere.example", "10.1.2.3", true);
        check("elsewhere.example", "10.2.2.3", false);
        check("elsewhere.example", "169.254.169.254", false);
        check("elsewhere.example", "::1", false);
        check("elsewhere.example", "93.184.216.34", true);
    }

    #[test]
    fn a_proxy_is_not_asked_for_what_is_local_by_its_name() {
        for host in [
            "localhost",
            "metadata.google.internal",
            "db.local",
            "db",
            "127.0.0.1",
            "[::1]",
            "10.2.0.1",
            "0x7f000001",
            "2130706433",
            "a.0x7f",
        ] {
            assert!(!guard().allows_unresolved(&authority(host)), "{host}");
        }
        for host in [
            "quay.io",
            "cdn.corp.example",
            "registry.corp.example:5000",
            "10.1.2.3",
            "8.8.8.8",
        ] {
            assert!(guard().allows_unresolved(&authority(host)), "{host}");
        }
    }
}
