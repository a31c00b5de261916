//! Pull secrets: who logs in where, as clusters, podman and docker read it.
//!
//! Owns how one is extended. Nothing in it is lost: what other registries want is kept as it is. It
//! holds passwords, so no error repeats any of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::auth::name::UserName;
use crate::auth::password::Password;
use crate::config::address::Address;

/// The one key that counts.
const AUTHS: &str = "auths";

/// A pull secret.
pub(crate) struct PullSecret(Map<String, Value>);

impl PullSecret {
    /// One for nobody.
    pub(crate) fn empty() -> Self {
        Self(Map::from_iter([(AUTHS.to_owned(), json!({}))]))
    }

    /// Reads one.
    ///
    /// # Errors
    /// When the text is no JSON, or no pull secret.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPullSecret> {
        if text.trim().is_empty() {
            return Err(InvalidPullSecret::Empty);
        }
        let read: Value = serde_json::from_str(text).map_err(|error| InvalidPullSecret::Json {
            line: error.line(),
            column: error.column(),
        })?;
        match read {
            Value::Object(secret) if secret.get(AUTHS).is_some_and(Value::is_object) => {
                Ok(Self(secret))
            }
            _ => Err(InvalidPullSecret::NoLogins),
        }
    }

    /// Puts a login in the place of the one that it has for this address, if it has one.
    pub(crate) fn put(&mut self, address: &Address, name: &UserName, password: &Password) {
        let auth = STANDARD.encode(format!("{name}:{}", password.expose()));
        if let Some(Value::Object(auths)) = self.0.get_mut(AUTHS) {
            auths.insert(address.to_string(), json!({ "auth": auth }));
        }
    }

    /// As a file holds it.
    pub(crate) fn text(&self) -> String {
        let text = serde_json::to_string_pretty(&self.0);
        text.expect("a document that was read can be written") + "\n"
    }
}

/// A text that is no pull secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidPullSecret {
    /// Nothing is in it, as in a file that the same command line writes to.
    #[error("it is empty")]
    Empty,
    /// It is no JSON.
    #[error("it is no JSON from line {line}, column {column} on")]
    Json {
        /// Where.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// It has no `auths`.
    #[error("it has no \"auths\", and so is no pull secret")]
    NoLogins,
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::address;
    use super::*;

    fn put(secret: &mut PullSecret) {
        let password = Password::new("secret".to_owned()).unwrap();
        secret.put(&address(), &"nodes".parse().unwrap(), &password);
    }

    #[test]
    fn a_login_takes_its_place_among_those_of_others() {
        let text = r#"{"auths": {"quay.io": {"auth": "b3Blbg==", "email": "you@example.com"},
            "registry.example.com:8443": {"auth": "b2xk", "email": "old@example.com"}}, "other": [1]}"#;
        let mut secret = PullSecret::parse(text).unwrap();
        put(&mut secret);
        let expected = json!({
            "auths": {
                "quay.io": { "auth": "b3Blbg==", "email": "you@example.com" },
                "registry.example.com:8443": { "auth": "bm9kZXM6c2VjcmV0" },
            },
            "other": [1],
        });
        assert_eq!(
            serde_json::from_str::<Value>(&secret.text()).unwrap(),
            expected
        );
    }

    #[test]
    fn one_of_our_own_names_this_registry_alone() {
        let mut secret = PullSecret::empty();
        put(&mut secret);
        let expected =
            json!({ "auths": { "registry.example.com:8443": { "auth": "bm9kZXM6c2VjcmV0" } } });
        assert_eq!(
            serde_json::from_str::<Value>(&secret.text()).unwrap(),
            expected
        );
    }

    #[test]
    fn what_is_no_pull_secret_is_refused_and_not_repeated() {
        for text in [
            "",
            " \n",
            "hunter2",
            "[\"hunter2\"]",
            "{}",
            "{\"auths\": [\"hunter2\"]}",
            "{\"auths\": ",
        ] {
            let Err(error) = PullSecret::parse(text) else {
                panic!("{text} was taken");
            };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
