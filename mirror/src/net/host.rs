//! Hosts: the one that a URL names, and the ones that an administrator lists.
//!
//! Invariant: a host is lower case, without brackets and without a trailing dot, and has a port.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use ipnet::IpNet;
use thiserror::Error;

/// A host and the port on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority {
    host: String,
    port: u16,
}

impl Authority {
    /// Whom a URL addresses; `None` when it is not one of `http` or `https` with a host.
    pub fn of(url: &Uri) -> Option<Self> {
        let default = match url.scheme_str()? {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = url.host()?;
        let after_host = url.authority()?.as_str().rsplit_once(host)?.1;
        let port = match after_host.strip_prefix(':') {
            None | Some("") => default,
            Some(port) => port.parse().ok()?,
        };
        let host = plain(host);
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host, if it is an address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether both hosts belong to one owner: they are one, or names below one registered domain.
    pub(crate) fn is_kin(&self, other: &Self) -> bool {
        self.host == other.host
            || match (self.domain(), other.domain()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            }
    }

    /// The registered domain of the host, if it is a name below a known public suffix.
    fn domain(&self) -> Option<&str> {
        if self.address().is_some() {
            return None;
        }
        let domain = psl::domain(self.host.as_bytes())?;
        domain
            .suffix()
            .is_known()
            .then(|| str::from_utf8(domain.as_bytes()).ok())
            .flatten()
    }
}

impl Display for Authority {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Hosts that an administrator lists: `example.com`, `example.com:8443`, `10.1.2.3`, `10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: Host,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Name(String),
    Network(IpNet),
}

impl HostPattern {
    /// Whether the pattern lists the host itself.
    pub(crate) fn lists(&self, authority: &Authority) -> bool {
        let is_host = match &self.host {
            Host::Name(name) => *name == authority.host,
            Host::Network(network) => authority
                .address()
                .is_some_and(|address| network.contains(&address)),
        };
        is_host && self.port.is_none_or(|port| port == authority.port)
    }

    /// Whether the pattern lists the address that a name turned out to have.
    pub(crate) fn lists_address(&self, address: IpAddr, port: u16) -> bool {
        matches!(&self.host, Host::Network(network) if network.contains(&address))
            && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(network) = text.parse::<IpNet>() {
            let host = Host::Network(network);
            return Ok(Self { host, port: None });
        }
        if let Ok(address) = plain(text).parse::<IpAddr>() {
            let host = Host::Network(address.into());
            return Ok(Self { host, port: None });
        }
        let uri: Uri = format!("https://{text}").parse().map_err(|_| InvalidHost)?;
        let authority = uri.authority().ok_or(InvalidHost)?;
        if authority.as_str() != text || text.contains('@') || uri.host() == Some("") {
            return Err(InvalidHost);
        }
        let Authority { host, port } = Authority::of(&uri).ok_or(InvalidHost)?;
        let host = match host.parse::<IpAddr>() {
            Ok(address) => Host::Network(address.into()),
            Err(_) => Host::Name(host),
        };
        let port = authority.port().map(|_| port);
        Ok(Self { host, port })
    }
}

impl Display for HostPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Host::Name(name), None) => f.write_str(name),
            (Host::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (Host::Network(network), None) => write!(f, "{network}"),
            (Host::Network(network), Some(port)) if network.addr().is_ipv6() => {
                write!(f, "[{}]:{port}", network.addr())
            }
            (Host::Network(network), Some(port)) => write!(f, "{}:{port}", network.addr()),
        }
    }
}

/// A text that lists no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a host, such as \"cdn.example.com\", \"10.1.2.3:8443\" or \"10.0.0.0/8\"")]
pub struct InvalidHost;

fn plain(host: &str) -> String {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(url: &str) -> Authority {
        Authority::of(&url.parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn check_kin(a: &str, b: &str, expected: bool) {
        let are_kin = authority(a).is_kin(&authority(b));
        assert_eq!(are_kin, expected, "{a} {b}");
    }

    #[test]
    fn hosts_below_one_registered_domain_are_kin() {
        check_kin(
            "https://registry-1.docker.io",
            "https://auth.docker.io",
            true,
        );
        check_kin("https://quay.io", "https://quay.io:8443", true);
        check_kin("https://a.example.co.uk", "https://b.example.co.uk", true);
        check_kin("https://localhost:1", "https://localhost:2", true);
    }

    #[test]
    fn hosts_that_share_a_public_suffix_only_are_strangers() {
        check_kin("https://a.co.uk", "https://b.co.uk", false);
        check_kin("https://a.github.io", "https://b.github.io", false);
        check_kin("https://quay.io", "https://evil.io", false);
        check_kin("https://quay.io.evil.com", "https://quay.io", false);
        check_kin("https://10.0.0.1", "https://10.0.0.2", false);
        check_kin("https://registry.lan", "https://other.lan", false);
    }

    #[test]
    fn a_host_has_one_spelling() {
        assert_eq!(
            authority("https://Quay.IO."),
            authority("https://quay.io:443")
        );
        assert_eq!(authority("http://[::1]").to_string(), "[::1]:80");
        assert_eq!(Authority::of(&"ftp://quay.io".parse().unwrap()), None);
        assert_eq!(Authority::of(&"/v2/".parse().unwrap()), None);
    }

    #[track_caller]
    fn check_lists(pattern: &str, url: &str, expected: bool) {
        let pattern: HostPattern = pattern.parse().unwrap();
        assert_eq!(pattern.lists(&authority(url)), expected, "{pattern} {url}");
        assert_eq!(pattern.to_string().parse(), Ok(pattern));
    }

    #[test]
    fn a_pattern_lists_hosts_with_or_without_port() {
        check_lists("cdn.example.com", "https://CDN.example.com:8443", true);
        check_lists("cdn.example.com", "https://a.cdn.example.com", false);
        check_lists("cdn.example.com:8443", "https://cdn.example.com", false);
        check_lists("cdn.example.com:8443", "http://cdn.example.com:8443", true);
        check_lists("10.0.0.0/8", "https://10.9.8.7", true);
        check_lists("10.0.0.1", "https://10.0.0.2", false);
        check_lists("10.0.0.1:8443", "https://10.0.0.1:8443", true);
        check_lists("::1", "https://[::1]:5000", true);
        check_lists("[::1]:5000", "https://[::1]:5000", true);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "a/b",
            "https://a",
            "user@a",
            "a b",
            "a:99999",
            ":80",
            "10.0.0.0/99",
            "a?b",
        ] {
            assert_eq!(text.parse::<HostPattern>(), Err(InvalidHost), "{text}");
        }
    }
}
