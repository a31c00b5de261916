//! An upstream: another registry, as the configuration describes it.
//!
//! Owns where the distribution API lies below each of its URLs. Invariant: a [`Location`] is an `http`
//! or `https` URL with a host, without credentials, query or fragment.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;
use http::uri::{InvalidUri, PathAndQuery};
use rustls::ClientConfig;
use thiserror::Error;

use crate::credentials::Credentials;
use crate::net::{Authority, HostPattern, Proxies, Timeouts};

/// Another registry.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// What image references call it.
    pub name: String,
    /// Where it is reached, tried in order: each of them is the same registry, or a mirror of it.
    pub locations: Vec<Location>,
    /// What it is logged in to with.
    pub credentials: Credentials,
    /// Whose certificates are believed.
    pub tls: Arc<ClientConfig>,
    /// Through which proxy it is reached.
    pub proxies: Proxies,
    /// Further hosts that its credentials may go to.
    pub token_hosts: Vec<HostPattern>,
    /// Hosts in private networks that it may lead to.
    pub redirect_hosts: Vec<HostPattern>,
    /// How many requests may be under way at once.
    pub max_connections: usize,
    /// How long it is waited for.
    pub timeouts: Timeouts,
}

/// Where a registry is reached: `https://quay.io`, or with a path, `https://harbor.example.com/proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    url: Uri,
    authority: Authority,
    /// All that comes before the name of a repository, with a slash at its end.
    base: String,
    /// What stands before the name of a repository in the registry's own terms.
    prefix: String,
}

impl Location {
    /// Whom it addresses.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether it is reached by https.
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }

    /// The URL as it was written.
    pub(crate) fn url(&self) -> &Uri {
        &self.url
    }

    /// What the registry there calls a repository, as its scopes do.
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The URL of something below a repository, or of all.
    pub(crate) fn at(&self, path_and_query: &str) -> Result<Uri, InvalidUri> {
        self.with_path(&format!("{}{path_and_query}", self.base))
    }

    /// Where it says which login it wants.
    pub(crate) fn ping(&self) -> Result<Uri, InvalidUri> {
        let api = self.base.strip_suffix(&self.prefix).unwrap_or(&self.base);
        self.with_path(api)
    }

    /// Another path on the same host.
    pub(crate) fn with_path(&self, path_and_query: &str) -> Result<Uri, InvalidUri> {
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(path_and_query.parse::<PathAndQuery>()?);
        Ok(Uri::from_parts(parts).expect("scheme, host and path are all there"))
    }
}

impl FromStr for Location {
    type Err = InvalidLocation;

    /// A path with a segment `v2` is where the API lies, as Artifactory and containerd write it; any
    /// other path stands before the names of repositories, as podman's mirrors have it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Uri = text.parse().map_err(|_| InvalidLocation)?;
        let authority = Authority::of(&url).ok_or(InvalidLocation)?;
        let has_more = url.query().is_some() || text.contains('#');
        let has_login = url
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        if has_more || has_login {
            return Err(InvalidLocation);
        }
        let path = url.path().trim_matches('/');
        let mut segments: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let api = segments.iter().position(|segment| *segment == "v2");
        let names = segments.split_off(api.map_or(0, |api| api + 1));
        if api.is_none() {
            segments = vec!["v2"];
        }
        let with_slash = |parts: &[&str]| parts.iter().flat_map(|part| [*part, "/"]).collect();
        let (api, prefix): (String, String) = (with_slash(&segments), with_slash(&names));
        Ok(Self {
            base: format!("/{api}{prefix}"),
            url,
            authority,
            prefix,
        })
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// A text that is no such URL. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an http or https URL of a registry, without credentials and query")]
pub struct InvalidLocation;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(location: &str, url: &str, repository: &str, ping: &str) {
        let location: Location = location.parse().unwrap();
        assert_eq!(location.at("a/b/tags/list?n=1").unwrap(), url);
        assert_eq!(location.repository("a/b"), repository);
        assert_eq!(location.ping().unwrap(), ping);
    }

    #[test]
    fn a_path_stands_before_the_repositories() {
        check(
            "https://quay.io",
            "https://quay.io/v2/a/b/tags/list?n=1",
            "a/b",
            "https://quay.io/v2/",
        );
        check(
            "http://harbor.example.com:8080/proxy/",
            "http://harbor.example.com:8080/v2/proxy/a/b/tags/list?n=1",
            "proxy/a/b",
            "http://harbor.example.com:8080/v2/",
        );
    }

    #[test]
    fn a_path_with_the_version_is_where_the_api_lies() {
        check(
            "https://art.example.com/api/docker/hub/v2",
            "https://art.example.com/api/docker/hub/v2/a/b/tags/list?n=1",
            "a/b",
            "https://art.example.com/api/docker/hub/v2/",
        );
        check(
            "https://harbor.example.com/v2/proxy",
            "https://harbor.example.com/v2/proxy/a/b/tags/list?n=1",
            "proxy/a/b",
            "https://harbor.example.com/v2/",
        );
    }

    #[test]
    fn what_is_no_place_of_a_registry_is_refused() {
        for text in [
            "",
            "quay.io",
            "ftp://quay.io",
            "https://",
            "https://a:b@quay.io",
            "https://quay.io?x",
            "https://quay.io/#x",
            "/v2/",
        ] {
            assert_eq!(text.parse::<Location>(), Err(InvalidLocation), "{text}");
        }
    }
}
