//! What login an upstream wants: the grammar of `WWW-Authenticate` (RFC 9110, section 11.6.1).
//!
//! Read leniently: some put several challenges on a line, some leave quotes out. What cannot be read
//! is as if it were not there.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// How many bytes of a header are looked at.
const MAX: usize = 8 * 1024;

/// A login that an upstream wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user and a password with each request.
    Basic,
    /// A token, which another service gives.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// The login to use, of those that an answer offers: a token if it can be had.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut found = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            for (scheme, parameters) in parse(text) {
                if scheme.eq_ignore_ascii_case("bearer") {
                    if let Some(bearer) = bearer(parameters) {
                        return Some(bearer);
                    }
                } else if scheme.eq_ignore_ascii_case("basic") {
                    found = Some(Self::Basic);
                }
            }
        }
        found
    }
}

fn bearer(parameters: Vec<(&str, String)>) -> Option<Challenge> {
    let (mut realm, mut service, mut scope) = (None, None, None);
    for (name, value) in parameters {
        let slot = match name.to_ascii_lowercase().as_str() {
            "realm" => &mut realm,
            "service" => &mut service,
            "scope" => &mut scope,
            _ => continue,
        };
        // What comes twice counts once.
        slot.get_or_insert(value);
    }
    Some(Challenge::Bearer {
        realm: realm?,
        service,
        scope,
    })
}

type Parameters<'a> = Vec<(&'a str, String)>;

/// The challenges of one header, each with its parameters.
fn parse(text: &str) -> Vec<(&str, Parameters<'_>)> {
    let mut challenges: Vec<(&str, Parameters<'_>)> = Vec::new();
    let mut rest = text.get(..MAX).unwrap_or(text);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = split_token(rest);
        if word.is_empty() {
            return challenges;
        }
        let Some(value) = after.trim_start().strip_prefix('=') else {
            challenges.push((word, Vec::new()));
            rest = after;
            continue;
        };
        let Some((value, after)) = split_value(value.trim_start()) else {
            return challenges;
        };
        if let Some((_, parameters)) = challenges.last_mut() {
            parameters.push((word, value));
        }
        rest = after;
    }
}

fn split_token(text: &str) -> (&str, &str) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !is_token(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// A value in quotes, or up to the next comma.
fn split_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[place + 1..])),
            '\\' => value.push(letters.next()?.1),
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::of(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn a_token_is_asked_for_where_the_challenge_says() {
        let text = r#"Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:a/b:pull,push""#;
        let expected = bearer(
            "https://quay.io/v2/auth",
            Some("quay.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(of(&[text]), Some(expected));
    }

    #[test]
    fn a_token_is_preferred_wherever_it_stands() {
        let token = Some(bearer("https://a/token", None, None));
        assert_eq!(
            of(&["Basic realm=\"a\"", "bearer realm=https://a/token"]),
            token
        );
        assert_eq!(
            of(&["Basic realm=\"a\", Bearer realm=\"https://a/token\""]),
            token
        );
        assert_eq!(
            of(&["Negotiate, Basic realm=\"a\""]),
            Some(Challenge::Basic)
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["Bearer"]), None);
        assert_eq!(of(&["Bearer service=\"a\""]), None);
        assert_eq!(of(&["Bearer realm=\"https://a"]), None);
        assert_eq!(of(&["= , =\"\\"]), None);
        assert_eq!(of(&["Bearer realm=\"\\"]), None);
    }

    #[test]
    fn quotes_may_be_escaped() {
        let quoted = bearer("a\"b", None, None);
        assert_eq!(of(&[r#"Bearer realm="a\"b""#]), Some(quoted));
    }
}
