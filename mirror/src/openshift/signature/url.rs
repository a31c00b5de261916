//! URLs of signature stores, and where a signature lies below them.
//!
//! Invariant: a [`StoreUrl`] is an `http` or `https` URL with a host, without credentials, query or fragment.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use http::Uri;
use http::uri::PathAndQuery;
use roadstead_storage::oci::Digest;
use thiserror::Error;

use crate::net::Authority;

/// Where Red Hat publishes the signatures of `OpenShift`'s releases.
const RED_HATS: [&str; 2] = [
    "https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release",
    "https://storage.googleapis.com/openshift-release/official/signatures/openshift/release",
];

/// Where a signature store lies on the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl {
    url: Uri,
    authority: Authority,
}

impl StoreUrl {
    /// Where Red Hat publishes the signatures of `OpenShift`'s releases.
    pub fn red_hats() -> Vec<Self> {
        let parse = |url: &str| url.parse().expect("what is carried has been tested");
        RED_HATS.map(parse).into()
    }

    /// Whom it addresses.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where the signature of a release with this number lies.
    pub(super) fn of(&self, release: &Digest, number: u8) -> Uri {
        let (algorithm, hex) = (release.algorithm(), release.hex());
        let folder = self.url.path().trim_end_matches('/');
        let path = format!("{folder}/{algorithm}={hex}/signature-{number}");
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        Uri::from_parts(parts).expect("a path below a path is one")
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Uri = text.parse().map_err(|_| InvalidStoreUrl)?;
        let authority = Authority::of(&url).ok_or(InvalidStoreUrl)?;
        let has_more = url.query().is_some() || text.contains('#');
        let has_login = url
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        if has_more || has_login {
            return Err(InvalidStoreUrl);
        }
        Ok(Self { url, authority })
    }
}

impl Display for StoreUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// A text that is no such URL. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an http or https URL of a signature store, without credentials and query")]
pub struct InvalidStoreUrl;

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[track_caller]
    fn check(store: &str, expected: &str) {
        let release = format!("sha256:{HEX}").parse().unwrap();
        let store: StoreUrl = store.parse().unwrap();
        let found = store.of(&release, 9).to_string();
        assert_eq!(found, expected.replace("HEX", HEX));
    }

    #[test]
    fn a_signature_lies_below_the_digest_of_its_release() {
        check(
            "https://a.example",
            "https://a.example/sha256=HEX/signature-9",
        );
        check(
            "http://a.example:1/",
            "http://a.example:1/sha256=HEX/signature-9",
        );
        check(
            "https://a.example/b/c",
            "https://a.example/b/c/sha256=HEX/signature-9",
        );
        check(
            "https://a.example/b/c/",
            "https://a.example/b/c/sha256=HEX/signature-9",
        );
    }

    #[test]
    fn what_is_carried_can_be_asked() {
        let stores: Vec<_> = StoreUrl::red_hats()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(stores, RED_HATS);
    }

    #[test]
    fn what_is_no_url_of_a_store_is_refused() {
        for text in [
            "",
            "a.example",
            "/srv/signatures",
            "file:///srv/signatures",
            "https://",
            "https://ann:secret@a.example",
            "https://a.example?x",
            "https://a.example/#x",
        ] {
            assert_eq!(text.parse::<StoreUrl>(), Err(InvalidStoreUrl), "{text}");
        }
    }
}
