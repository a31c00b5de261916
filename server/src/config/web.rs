//! Addresses on the web that the configuration names: upstreams, proxies, signature stores.
//!
//! Owns the check that a text is an `http` or `https` URL with a host, and the hiding of a password
//! that stands in one. It fetches nothing.

use std::fmt::{self, Debug, Formatter};
use std::str::FromStr;

use http::Uri;
use serde::Serialize;
use thiserror::Error;

/// An `http` or `https` URL. Printed without what stands before an `@` in its authority.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebUrl(Uri);

impl FromStr for WebUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| InvalidUrl)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if is_web && has_host && uri.query().is_none() {
            Ok(Self(uri))
        } else {
            Err(InvalidUrl)
        }
    }
}

impl WebUrl {
    /// The URL with any credentials in it: for whoever connects to it.
    pub(crate) fn reveal(&self) -> String {
        self.0.to_string()
    }

    /// The URL with any credentials in it hidden.
    fn shown(&self) -> String {
        let text = self.0.to_string();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        match authority.rsplit_once('@') {
            Some((_, host)) => text.replacen(authority, &format!("[redacted]@{host}"), 1),
            None => text,
        }
    }
}

impl Debug for WebUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for WebUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// A text that is no such URL. The text is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an http or https URL")]
pub(crate) struct InvalidUrl;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_never_printed() {
        let url: WebUrl = "http://ann:secret@proxy.example.com:3128/x"
            .parse()
            .unwrap();
        assert_eq!(
            format!("{url:?}"),
            "http://[redacted]@proxy.example.com:3128/x"
        );
    }

    #[test]
    fn only_web_addresses_are_urls() {
        assert!("https://quay.io".parse::<WebUrl>().is_ok());
        assert!("http://[::1]:5000/path".parse::<WebUrl>().is_ok());
        for text in [
            "",
            "quay.io",
            "ftp://quay.io",
            "/path",
            "https://",
            "https://a?b",
            "file:///x",
        ] {
            assert!(text.parse::<WebUrl>().is_err(), "{text}");
        }
    }
}
