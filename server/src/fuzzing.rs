//! What must hold of every parser of requests, logins and settings: properties for `tests/fuzz`.
//!
//! Compiled for tests and for the fuzzer only. The properties lie in the folders whose parsers they are
//! about; each takes bytes and panics when it does not hold.

use crate::auth::fuzzing as auth;
use crate::config::fuzzing as config;
use crate::http::fuzzing as http;

/// Panics when what must hold does not, for these bytes.
pub type Property = fn(&[u8]);

/// Each property by the name of its corpus.
pub fn targets() -> impl Iterator<Item = (&'static str, Property)> {
    let targets: [(_, Property); 11] = [
        ("authorization", auth::authorization),
        ("config", |bytes| text(bytes, config::config)),
        ("content-range", http::content_range),
        ("if-none-match", http::if_none_match),
        ("origin", |bytes| text(bytes, http::origin)),
        ("path", |bytes| text(bytes, http::path)),
        ("query", |bytes| text(bytes, http::query)),
        ("range", http::range),
        ("scope", |bytes| text(bytes, auth::scope)),
        ("token", |bytes| text(bytes, auth::token)),
        ("users", |bytes| text(bytes, auth::users)),
    ];
    targets.into_iter()
}

fn text(bytes: &[u8], property: fn(&str)) {
    if let Ok(text) = str::from_utf8(bytes) {
        property(text);
    }
}

#[cfg(test)]
#[path = "../../tests/fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_found_worth_keeping_keeps_its_property() {
        replay::replay(targets());
    }
}
