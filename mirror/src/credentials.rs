//! Credentials for upstreams, as docker, podman and clusters write them.
//!
//! One JSON file has an entry per host, or per path on a host; the most specific one wins, as with
//! podman (containers-auth.json(5)). Invariant: an entry is only found for the host it names.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::net::Authority;
use crate::secret::Secret;

/// The names under which files have Docker Hub, all for one registry.
const HUB: [&str; 4] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// Credentials by host and path.
#[derive(Debug, Clone, Default)]
pub struct Credentials(HashMap<String, Credential>);

/// How one account logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A refresh token that a registry gave for a login.
    IdentityToken(Secret),
    Password {
        user: String,
        password: Secret,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

impl Credentials {
    /// Reads the text of such a file. Entries without credentials, as credential helpers leave them, are
    /// passed over.
    ///
    /// # Errors
    /// Says what is wrong, and never what was written.
    pub fn parse(text: &str) -> Result<Self, InvalidCredentials> {
        // Not a struct: those may be written as lists, too.
        let mut file: HashMap<String, Value> = parse(text)?;
        let entries = file.remove("auths").unwrap_or_default();
        let entries: Option<HashMap<String, Entry>> = parse(&entries.to_string())?;
        let mut credentials = HashMap::new();
        for (key, entry) in entries.unwrap_or_default() {
            let entry = entry.credential();
            let credential = entry.map_err(|()| InvalidCredentials::Entry { key: key.clone() })?;
            if let Some(credential) = credential {
                credentials.insert(place(&key), credential);
            }
        }
        Ok(Self(credentials))
    }

    /// The credentials for a repository, as its path is on that host.
    pub(crate) fn find(&self, authority: &Authority, repository: &str) -> Option<&Credential> {
        let host = host(&authority.to_string());
        let mut path = format!("{host}/{repository}");
        loop {
            if let Some(credential) = self.0.get(&path) {
                return Some(credential);
            }
            path.truncate(path.rfind('/')?);
        }
    }
}

impl Entry {
    fn credential(self) -> Result<Option<Credential>, ()> {
        if !self.identitytoken.is_empty() {
            let token = Secret::new(self.identitytoken);
            return Ok(Some(Credential::IdentityToken(token)));
        }
        let (user, password) = if self.auth.is_empty() {
            (self.username, self.password)
        } else {
            let text = STANDARD.decode(self.auth.trim()).map_err(|_| ())?;
            let text = String::from_utf8(text).map_err(|_| ())?;
            let (user, password) = text.split_once(':').ok_or(())?;
            // Docker pads with NUL bytes at times.
            (user.to_owned(), password.trim_end_matches('\0').to_owned())
        };
        let is_there = !user.is_empty() && !password.is_empty();
        let password = Secret::new(password);
        Ok(is_there.then_some(Credential::Password { user, password }))
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, InvalidCredentials> {
    serde_json::from_str(text).map_err(|_| InvalidCredentials::Json)
}

/// A key of the file in one spelling: `host`, `host:port`, either with a path.
fn place(key: &str) -> String {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    // What docker wrote when registries had versions.
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    match key.split_once('/') {
        Some((authority, path)) => format!("{}/{path}", host(authority)),
        None => host(key),
    }
}

fn host(authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let authority = authority
        .strip_suffix(":443")
        .or_else(|| authority.strip_suffix(":80"))
        .unwrap_or(&authority);
    if HUB.contains(&authority) {
        HUB[0].to_owned()
    } else {
        authority.to_owned()
    }
}

/// A file of credentials cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCredentials {
    /// One entry is broken.
    #[error("the entry {key} is not base64 of a user and a password with a colon between")]
    Entry {
        /// Its key.
        key: String,
    },
    /// All of it is.
    #[error("not JSON with an \"auths\" object")]
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    // Users are named after their places; each password is "secret".
    const FILE: &str = r#"{"auths": {
        "quay.io": {"auth": "cXVheTpzZWNyZXQ="},
        "quay.io/team": {"auth": "dGVhbTpzZWNyZXQ=", "email": "you@example.com"},
        "https://index.docker.io/v1/": {"username": "hub", "password": "secret"},
        "registry.example.com:5000": {"identitytoken": "secret"},
        "helped.example.com": {}
    }, "credHelpers": {"gcr.io": "gcloud"}}"#;

    #[track_caller]
    fn check(url: &str, repository: &str, expected: Option<&str>) {
        let credentials = Credentials::parse(FILE).unwrap();
        let authority = Authority::of(&url.parse().unwrap()).unwrap();
        let found = credentials.find(&authority, repository);
        let found = found.map(|found| match found {
            Credential::IdentityToken(_) => "token",
            Credential::Password { user, password } => {
                assert_eq!(password.reveal(), "secret");
                user
            }
        });
        assert_eq!(found, expected, "{url} {repository}");
    }

    #[test]
    fn the_most_specific_path_wins() {
        check("https://quay.io", "other/app", Some("quay"));
        check("https://quay.io", "team/app", Some("team"));
        check("https://quay.io", "team", Some("team"));
        check("https://quay.io", "teammate/app", Some("quay"));
    }

    #[test]
    fn credentials_are_found_for_their_own_host_and_port_only() {
        check("https://registry.example.com:5000", "a", Some("token"));
        check("https://registry.example.com", "a", None);
        check("https://quay.io:8443", "team/app", None);
        check("https://notquay.io", "team/app", None);
        check("https://helped.example.com", "a", None);
    }

    #[test]
    fn docker_hub_has_many_names() {
        check("https://registry-1.docker.io", "library/nginx", Some("hub"));
        check("https://docker.io", "library/nginx", Some("hub"));
    }

    #[test]
    fn what_is_broken_is_named_and_not_shown() {
        assert_eq!(
            Credentials::parse("[]").unwrap_err(),
            InvalidCredentials::Json
        );
        let broken = r#"{"auths": {"quay.io": {"auth": "c2VjcmV0"}}}"#;
        let error = Credentials::parse(broken).unwrap_err().to_string();
        assert!(
            error.contains("quay.io") && !error.contains("c2VjcmV0"),
            "{error}"
        );
        let shown = format!("{:?}", Credentials::parse(FILE).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
