//! Through which proxy a host is asked.
//!
//! The environment's variables are read as curl reads them, by hyper's own reader; added are the two
//! spellings of `NO_PROXY` that clusters use and it does not know: `*.example.com` and `host:port`.
//! Loopback is never asked for through a proxy: it would be the proxy's own.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::host::{Authority, HostPattern};

/// Chooses a proxy for each host.
#[derive(Clone)]
pub struct Proxies(Arc<Rules>);

struct Rules {
    matcher: Matcher,
    /// Hosts with ports that are asked directly.
    direct: Vec<HostPattern>,
}

/// A proxy, and how it is logged in to.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) url: Uri,
    pub(super) login: Option<HeaderValue>,
}

impl Proxies {
    /// No proxy at all.
    pub fn none() -> Self {
        Self::new(Matcher::builder().build(), "")
    }

    /// What the values of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    pub fn of_environment(http: &str, https: &str, no: &str) -> Self {
        let builder = Matcher::builder().http(http.to_owned());
        let builder = builder.https(https.to_owned()).no(plain_list(no));
        Self::new(builder.build(), no)
    }

    /// The proxy at `url` for everything but what `no`, written as `NO_PROXY`, excepts.
    pub fn always(url: &str, no: &str) -> Self {
        let builder = Matcher::builder().all(url.to_owned()).no(plain_list(no));
        Self::new(builder.build(), no)
    }

    fn new(matcher: Matcher, no: &str) -> Self {
        let direct = entries(no).filter(|entry| has_port(entry));
        let direct = direct.filter_map(|entry| entry.parse().ok()).collect();
        Self(Arc::new(Rules { matcher, direct }))
    }

    /// The proxy for `url`, if it is to be asked through one.
    pub(super) fn of(&self, url: &Uri) -> Option<Proxy> {
        let authority = Authority::of(url)?;
        let is_loopback = authority.host() == "localhost"
            || authority
                .address()
                .is_some_and(|address| address.is_loopback());
        if is_loopback || self.0.direct.iter().any(|host| host.lists(&authority)) {
            return None;
        }
        self.0.matcher.intercept(url).map(|intercept| Proxy {
            url: intercept.uri().clone(),
            login: Intercept::basic_auth(&intercept).cloned(),
        })
    }
}

impl Debug for Proxies {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.matcher.fmt(f)
    }
}

fn entries(no: &str) -> impl Iterator<Item = &str> {
    no.split([',', ' ']).filter(|entry| !entry.is_empty())
}

/// Whether an entry ends in a port. An IPv6 address does not, nor does a network.
fn has_port(entry: &str) -> bool {
    let (host, port) = entry.rsplit_once(':').unwrap_or_default();
    let is_bare_v6 = host.contains(':') && !host.ends_with(']');
    !is_bare_v6 && port.parse::<u16>().is_ok()
}

fn plain_list(no: &str) -> String {
    let without_ports = entries(no).filter(|entry| !has_port(entry));
    let plain: Vec<_> = without_ports
        .map(|entry| {
            entry
                .strip_prefix('*')
                .filter(|rest| rest.starts_with('.'))
                .unwrap_or(entry)
        })
        .collect();
    plain.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "http://ann:secret@proxy.example.com:3128";

    #[track_caller]
    fn check(no: &str, url: &str, expected: bool) {
        let is_proxied = Proxies::always(PROXY, no)
            .of(&url.parse().unwrap())
            .is_some();
        assert_eq!(is_proxied, expected, "{url} beside {no:?}");
    }

    #[test]
    fn what_no_proxy_names_is_asked_directly() {
        check("", "https://quay.io", true);
        check("quay.io", "https://quay.io", false);
        check("quay.io", "https://cdn.quay.io", false);
        check(".quay.io", "https://cdn.quay.io", false);
        check("*.quay.io", "https://cdn.quay.io", false);
        check("quay.io", "https://notquay.io", true);
        check("10.0.0.0/8, 192.168.1.1", "https://10.9.9.9", false);
        check("10.0.0.0/8,192.168.1.1", "https://192.168.1.1:5000", false);
        check("fd00::/8", "https://[fd00::1]", false);
        check("*", "https://quay.io", false);
    }

    #[test]
    fn an_entry_with_a_port_is_about_that_port() {
        check("quay.io:5000", "https://quay.io:5000", false);
        check("quay.io:5000", "https://quay.io", true);
        check("[fd00::1]:5000", "https://[fd00::1]:5000", false);
    }

    #[test]
    fn loopback_is_never_asked_for_through_a_proxy() {
        for url in [
            "http://localhost:5000",
            "https://127.0.0.1",
            "https://127.1.2.3",
            "http://[::1]",
        ] {
            check("", url, false);
        }
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = Proxies::of_environment("http://a:1", "http://b:2", "");
        let port = |url: &str| proxies.of(&url.parse().unwrap()).unwrap().url.port_u16();
        assert_eq!(port("http://quay.io"), Some(1));
        assert_eq!(port("https://quay.io"), Some(2));
        let no_http = Proxies::of_environment("", "http://b:2", "");
        assert!(no_http.of(&"http://quay.io".parse().unwrap()).is_none());
    }

    #[test]
    fn the_password_of_a_proxy_is_sent_and_never_shown() {
        let proxies = Proxies::always(PROXY, "");
        let proxy = proxies.of(&"https://quay.io".parse().unwrap()).unwrap();
        assert_eq!(proxy.login.as_ref().unwrap(), "Basic YW5uOnNlY3JldA==");
        for shown in [format!("{proxies:?}"), format!("{proxy:?}")] {
            assert!(
                !shown.contains("secret") && !shown.contains("YW5u"),
                "{shown}"
            );
        }
    }
}
