//! The address under which others reach the registry: `HOST[:PORT]`.
//!
//! Owns the grammar and both spellings that leave us: the one of image references, and the one of
//! `OpenShift`'s config map keys. It never guesses. Invariant: the port is always known; 443 is left
//! out when printed.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::str::FromStr;

use roadstead_certs::SubjectName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What HTTPS uses when a reference names no port.
const HTTPS: u16 = 443;

/// A host and a port, as clients write them before the name of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address {
    host: SubjectName,
    port: u16,
}

impl Address {
    /// The address of a host, whose name is that of one machine.
    ///
    /// # Errors
    /// When the name is a wildcard or the port is 0.
    pub(crate) fn new(host: SubjectName, port: u16) -> Result<Self, InvalidAddress> {
        let is_wildcard = host.as_dns().is_some_and(|name| name.starts_with("*."));
        if is_wildcard || port == 0 {
            Err(InvalidAddress)
        } else {
            Ok(Self { host, port })
        }
    }

    /// The host alone.
    pub(crate) fn host(&self) -> &SubjectName {
        &self.host
    }

    /// The port alone.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The key of the trusted CA in an `OpenShift` config map, where a colon may not stand:
    /// `host..port`, and the host alone for port 443. An IPv6 address has none.
    pub(crate) fn config_map_key(&self) -> Option<String> {
        let host = self.host.to_string();
        match self.port {
            _ if host.contains(':') => None,
            HTTPS => Some(host),
            port => Some(format!("{host}..{port}")),
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An IPv6 address stands in brackets; in any other host a colon begins the port.
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(InvalidAddress)?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':').ok_or(InvalidAddress)?),
                };
                host.parse::<std::net::Ipv6Addr>()
                    .map_err(|_| InvalidAddress)?;
                (host, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            // `parse` would take a sign as well.
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().map_err(|_| InvalidAddress)?
            }
            Some(_) => return Err(InvalidAddress),
            None => HTTPS,
        };
        Self::new(host.parse().map_err(|_| InvalidAddress)?, port)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.host.as_ip() {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            Some(IpAddr::V4(_)) | None => write!(f, "{}", self.host)?,
        }
        match self.port {
            HTTPS => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not HOST or HOST:PORT, such as registry.example.com:8443 or [2001:db8::1]:8443")]
pub(crate) struct InvalidAddress;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, printed: &str, key: Option<&str>) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), printed);
        assert_eq!(address.config_map_key().as_deref(), key);
        assert_eq!(printed.parse::<Address>().unwrap(), address);
    }

    #[test]
    fn addresses_are_printed_as_image_references_and_config_maps_want_them() {
        check(
            "reg.example.com:8443",
            "reg.example.com:8443",
            Some("reg.example.com..8443"),
        );
        check(
            "reg.example.com",
            "reg.example.com",
            Some("reg.example.com"),
        );
        check(
            "reg.example.com:443",
            "reg.example.com",
            Some("reg.example.com"),
        );
        check(
            "REG.example.com:5000",
            "reg.example.com:5000",
            Some("reg.example.com..5000"),
        );
        check("192.0.2.1:8443", "192.0.2.1:8443", Some("192.0.2.1..8443"));
        check("[2001:db8::1]:8443", "[2001:db8::1]:8443", None);
        check("[2001:db8::1]", "[2001:db8::1]", None);
    }

    #[test]
    fn what_names_no_single_host_and_port_is_refused() {
        for text in [
            "",
            ":8443",
            "reg:",
            "reg:0",
            "reg:65536",
            "reg:+1",
            "reg:8443/x",
            "https://reg",
            "a b",
            "2001:db8::1",
            "[reg]:1",
            "[::1",
            "[::1]x",
            "*.example.com",
            "reg:1:2",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
