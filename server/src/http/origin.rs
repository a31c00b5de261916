//! How the client reached us: over what, under which name, from where.
//!
//! Owns the trust in `X-Forwarded-*`: it counts only from the proxies the configuration names, and
//! of a list only the part that such a proxy wrote. Invariant: [`Origin::host`] is a plain
//! `host[:port]`, safe inside a quoted header parameter.

use std::net::{IpAddr, SocketAddr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The connection a request came on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The other end of the connection.
    pub(crate) address: SocketAddr,
    /// Whether the connection is TLS.
    pub(crate) tls: bool,
}

/// Where a request came from and what it called us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address, as far as it can be trusted.
    pub(crate) client: IpAddr,
    /// Our name in the request, with its port if it had one; `None` when it was not a plain name.
    pub(crate) host: Option<String>,
    /// Whether the client speaks TLS, to us or to a trusted proxy.
    pub(crate) secure: bool,
}

impl Origin {
    /// Reads the origin off a request's connection, target and headers.
    pub(crate) fn of(peer: Peer, uri: &Uri, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        // HTTP/2 has its host in the target, HTTP/1.1 in a header.
        let host = uri
            .authority()
            .map(Authority::as_str)
            .or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()))
            .filter(|host| is_plain(host))
            .map(str::to_owned);
        let address = peer.address.ip().to_canonical();
        let direct = Self {
            client: address,
            host,
            secure: peer.tls,
        };
        if is_trusted(address, trusted) {
            direct.forwarded(headers, trusted)
        } else {
            direct
        }
    }

    fn forwarded(mut self, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        // Each proxy appends the address it saw, so the list is believed from its end, up to the
        // first address that is none of our proxies.
        let addresses = texts(headers, &X_FORWARDED_FOR);
        for address in addresses.iter().rev() {
            let Ok(address) = address.parse::<IpAddr>() else {
                break;
            };
            self.client = address.to_canonical();
            if !is_trusted(self.client, trusted) {
                break;
            }
        }
        if let Some(host) = texts(headers, &X_FORWARDED_HOST)
            .pop()
            .filter(|host| is_plain(host))
        {
            self.host = Some(host.to_owned());
        }
        match texts(headers, &X_FORWARDED_PROTO).pop() {
            Some("https") => self.secure = true,
            Some("http") => self.secure = false,
            _ => {}
        }
        self
    }

    /// The URL of `path` here, as the client would write it; `fallback` when it did not say our
    /// name.
    pub(crate) fn url(&self, fallback: &str, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let host = self.host.as_deref().unwrap_or(fallback);
        format!("{scheme}://{host}{path}")
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// All items of a header that is a list, over all its lines.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect()
}

/// Whether a host is made only of what names, addresses and ports are made of.
fn is_plain(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && host.len() <= 300 && host.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const CLIENT: &str = "203.0.113.7:4000";
    const PROXY: &str = "[::ffff:10.0.0.1]:4000";

    #[track_caller]
    fn origin(peer: &str, tls: bool, headers: &[(HeaderName, &str)]) -> Origin {
        let peer = Peer {
            address: peer.parse().expect("an address"),
            tls,
        };
        let mut map = HeaderMap::new();
        for (name, text) in headers {
            map.append(name, HeaderValue::from_str(text).expect("visible"));
        }
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        Origin::of(peer, &Uri::from_static("/v2/"), &map, &trusted)
    }

    #[track_caller]
    fn realm(origin: &Origin, expected: &str) {
        assert_eq!(origin.url("reg.example.com", "/token"), expected);
    }

    #[test]
    fn the_realm_is_where_the_client_came_to() {
        let direct = origin(CLIENT, true, &[(HOST, "reg.local:8443")]);
        realm(&direct, "https://reg.local:8443/token");
        let plain = origin(CLIENT, false, &[(HOST, "[::1]:5000")]);
        realm(&plain, "http://[::1]:5000/token");
    }

    #[test]
    fn a_host_that_is_no_host_is_replaced() {
        for host in ["a\"b", "a/b", "a@b", "", "a b"] {
            realm(
                &origin(CLIENT, true, &[(HOST, host)]),
                "https://reg.example.com/token",
            );
        }
        realm(&origin(CLIENT, true, &[]), "https://reg.example.com/token");
    }

    #[test]
    fn a_stranger_s_forwarding_headers_mean_nothing() {
        let origin = origin(
            CLIENT,
            false,
            &[
                (HOST, "reg.local"),
                (X_FORWARDED_HOST, "evil.example"),
                (X_FORWARDED_PROTO, "https"),
                (X_FORWARDED_FOR, "127.0.0.1"),
            ],
        );
        realm(&origin, "http://reg.local/token");
        assert_eq!(origin.client.to_string(), "203.0.113.7");
    }

    #[test]
    fn a_trusted_proxy_speaks_for_its_client() {
        let origin = origin(
            PROXY,
            false,
            &[
                (HOST, "backend:5000"),
                (X_FORWARDED_HOST, "reg.example.com"),
                (X_FORWARDED_PROTO, "https"),
                (X_FORWARDED_FOR, "127.0.0.1, 198.51.100.9, 10.0.0.2"),
            ],
        );
        realm(&origin, "https://reg.example.com/token");
        // What stands before the last address that is not ours may be the client's own invention.
        assert_eq!(origin.client.to_string(), "198.51.100.9");
    }
}
