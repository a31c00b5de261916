//! What a request brings to prove who it is: the `Authorization` header, read once.
//!
//! Owns the grammar of the two schemes that are spoken, `Basic` and `Bearer`. It verifies nothing.
//! Invariant: a secret that it read is never printed.

use std::fmt::{self, Debug, Formatter};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::auth::password::Password;

/// Clients differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A proof of who somebody is, not yet verified.
#[derive(Clone)]
pub(crate) enum Credentials<'a> {
    /// None.
    Anonymous,
    /// A token.
    Bearer(&'a str),
    /// A name and a password.
    Password {
        /// As sent; it may be no user name at all.
        name: String,
        /// As sent.
        password: Password,
    },
}

impl<'a> Credentials<'a> {
    /// Reads the header. An empty name with an empty password is what podman sends where it has
    /// nothing to send, and stands for no login.
    ///
    /// # Errors
    /// [`Malformed`] when there is a header that is neither scheme, or more than one.
    pub(crate) fn from_headers(headers: &'a HeaderMap) -> Result<Self, Malformed> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Ok(Self::Anonymous),
            (Some(value), None) => value.to_str().map_err(|_| Malformed)?,
            (Some(_), Some(_)) => return Err(Malformed),
        };
        let (scheme, rest) = value.trim().split_once(' ').ok_or(Malformed)?;
        let rest = rest.trim_start();
        if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Self::Bearer(rest))
        } else if scheme.eq_ignore_ascii_case("basic") {
            let text = BASE64.decode(rest).map_err(|_| Malformed)?;
            let text = String::from_utf8(text).map_err(|_| Malformed)?;
            let (name, password) = text.split_once(':').ok_or(Malformed)?;
            Ok(Self::password(name, password))
        } else {
            Err(Malformed)
        }
    }

    /// A name and a password, as a header or a form has them.
    pub(crate) fn password(name: &str, password: &str) -> Self {
        match (name, password) {
            ("", "") => Self::Anonymous,
            (name, password) => Self::Password {
                name: name.to_owned(),
                password: Password::offered(password.to_owned()),
            },
        }
    }
}

impl Debug for Credentials<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Bearer(_) => "Bearer([redacted])",
            Self::Password { .. } => "Password([redacted])",
        })
    }
}

/// A header that is neither `Basic` nor `Bearer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

#[cfg(test)]
mod tests {
    use super::*;

    /// The header's value, read and written down.
    fn read(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        match Credentials::from_headers(&headers) {
            Ok(Credentials::Anonymous) => "nobody".to_owned(),
            Ok(Credentials::Bearer(token)) => format!("token {token}"),
            Ok(Credentials::Password { name, password }) => format!("{name} {}", password.expose()),
            Err(Malformed) => "malformed".to_owned(),
        }
    }

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(read(value), expected, "{value}");
    }

    #[test]
    fn both_schemes_are_read_in_any_case() {
        check("Basic YW5uOnNlY3JldA==", "ann secret");
        check("basic YW5uOnNlY3JldA", "ann secret");
        check("BASIC  YW5uOmE6Yg==", "ann a:b");
        check("Bearer abc.def", "token abc.def");
        check("bearer abc.def", "token abc.def");
    }

    #[test]
    fn an_empty_login_is_nobody_and_half_an_empty_one_is_not() {
        check("Basic Og==", "nobody");
        check("Basic YW5uOg==", "ann ");
        check("Basic OnNlY3JldA==", " secret");
        let none = HeaderMap::new();
        let nothing = Credentials::from_headers(&none);
        assert!(matches!(nothing, Ok(Credentials::Anonymous)));
    }

    #[test]
    fn anything_else_is_malformed_and_not_nobody() {
        for value in [
            "",
            "Basic",
            "Basic %%%",
            "Basic YW5u",
            "Basic //8=",
            "Digest x",
            "Negotiate x",
        ] {
            check(value, "malformed");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, "Basic Og==".parse().unwrap());
        twice.append(AUTHORIZATION, "Bearer x".parse().unwrap());
        assert_eq!(Credentials::from_headers(&twice).unwrap_err(), Malformed);
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", Credentials::password("ann", "secret"));
        assert!(
            !printed.contains("secret") && !printed.contains("ann"),
            "{printed}"
        );
    }
}
