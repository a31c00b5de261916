//! The names a server certificate may carry: DNS names and IP addresses.
//!
//! Owns their grammar, so that nothing else in the project asks whether a text is a name or an
//! address. Knows nothing of certificates. Invariant: a value is canonical (lower case, no trailing
//! dot, no IPv4 address dressed as IPv6), so that equal names compare equal.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls_pki_types::DnsName;

/// A name by which a server is reached: what its certificate lists as an alternative name.
///
/// A DNS name may begin with `*.` when at least two labels follow. An address names one machine:
/// `0.0.0.0` and `::` are refused.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubjectName(Kind);

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Kind {
    Dns(String),
    Ip(IpAddr),
}

/// A text that is neither a DNS name nor the address of a machine.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is neither a DNS name nor the IP address of a machine")]
pub struct InvalidName {
    text: String,
}

impl SubjectName {
    /// The DNS name, unless this is an address.
    pub fn as_dns(&self) -> Option<&str> {
        match &self.0 {
            Kind::Dns(name) => Some(name),
            Kind::Ip(_) => None,
        }
    }

    /// The address, unless this is a DNS name.
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self.0 {
            Kind::Dns(_) => None,
            Kind::Ip(address) => Some(address),
        }
    }
}

impl FromStr for SubjectName {
    type Err = InvalidName;

    /// Reads a DNS name, or an address (an IPv6 one with or without brackets).
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let refused = || InvalidName { text: text.into() };
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(address) = bare {
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| refused())?;
            return Self::try_from(IpAddr::from(address));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::try_from(address);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let (stem, fewest_labels) = match name.strip_prefix("*.") {
            Some(stem) => (stem, 2),
            None => (name, 1),
        };
        let well_formed = DnsName::try_from(stem).is_ok() && !stem.ends_with('.');
        if !well_formed || stem.split('.').count() < fewest_labels {
            return Err(refused());
        }
        Ok(Self(Kind::Dns(name.to_ascii_lowercase())))
    }
}

impl TryFrom<IpAddr> for SubjectName {
    type Error = InvalidName;

    fn try_from(address: IpAddr) -> Result<Self, InvalidName> {
        let address = address.to_canonical();
        if address.is_unspecified() {
            return Err(InvalidName {
                text: address.to_string(),
            });
        }
        Ok(Self(Kind::Ip(address)))
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Dns(name) => name.fmt(f),
            Kind::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, expected: &str) {
        let name: SubjectName = text.parse().unwrap();
        assert_eq!(name.to_string(), expected);
        assert_eq!(expected.parse::<SubjectName>().unwrap(), name);
    }

    #[track_caller]
    fn refuses(text: &str) {
        let refusal = text.parse::<SubjectName>().unwrap_err();
        assert!(refusal.to_string().contains("neither a DNS name nor"));
    }

    #[test]
    fn names_and_addresses_become_canonical() {
        reads("Registry.Example.COM.", "registry.example.com");
        reads("localhost", "localhost");
        reads("my_host-1", "my_host-1");
        reads("1password.example", "1password.example");
        reads("*.Example.com", "*.example.com");
        reads("192.0.2.7", "192.0.2.7");
        reads("2001:DB8::0:1", "2001:db8::1");
        reads("[::1]", "::1");
        reads("::ffff:192.0.2.7", "192.0.2.7");
    }

    #[test]
    fn what_no_certificate_should_name_is_refused() {
        for text in [
            "",
            ".",
            "..",
            "a..b",
            "-a",
            "a-",
            "a b",
            "a/b",
            "a:443",
            "héllo",
            "a.com..",
            "*",
            "*.com",
            "*.*.a.b",
            "a.*.b",
            "*a.b.c",
            "*.192.0.2.7",
            "256.1.1.1",
            "1.2.3",
            "0.0.0.0",
            "::",
            "::ffff:0.0.0.0",
            "fe80::1%eth0",
            "[192.0.2.7]",
            "[::1",
            "192.0.2.0/24",
        ] {
            refuses(text);
        }
        refuses(&"a".repeat(64));
        refuses(&["a".repeat(60).as_str(); 5].join("."));
    }

    #[test]
    fn a_name_is_either_dns_or_an_address() {
        let dns: SubjectName = "a.example".parse().unwrap();
        assert_eq!((dns.as_dns(), dns.as_ip()), (Some("a.example"), None));
        let ip: SubjectName = "::1".parse().unwrap();
        assert_eq!((ip.as_dns(), ip.as_ip()), (None, "::1".parse().ok()));
    }
}
