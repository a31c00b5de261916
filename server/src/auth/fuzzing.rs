//! What must hold of what is read from a login, a token, and the user file: see `crate::fuzzing`.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use roadstead_certs::TokenKey;
use serde_json::Value;

use crate::auth::credentials::Credentials;
use crate::auth::scope::{Access, Reach};
use crate::auth::table::Table;
use crate::auth::token::Tokens;

/// A value of `Authorization`.
pub(crate) fn authorization(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let headers = header(value);
    let Ok(read) = Credentials::from_headers(&headers) else {
        return;
    };
    let printed = format!("{read:?}");
    assert!(printed.ends_with("[redacted])") || printed == "Anonymous");
    let again = match &read {
        Credentials::Anonymous => "Basic Og==".to_owned(),
        Credentials::Bearer(token) => format!("bearer  {token}"),
        Credentials::Password { name, password } => {
            assert!(!name.contains(':'), "the first colon ends the name");
            let pair = format!("{name}:{}", password.expose());
            format!("BASIC {}", STANDARD.encode(pair))
        }
    };
    let again = header(HeaderValue::try_from(again).expect("it was a header before"));
    let again = Credentials::from_headers(&again).expect("the same in another spelling");
    match (read, again) {
        (Credentials::Anonymous, Credentials::Anonymous) => {}
        (Credentials::Bearer(one), Credentials::Bearer(other)) => assert_eq!(one, other),
        (
            Credentials::Password { name, password },
            Credentials::Password {
                name: same,
                password: other,
            },
        ) => assert_eq!(
            (name.as_str(), password.expose()),
            (same.as_str(), other.expose())
        ),
        (one, other) => panic!("{one:?} became {other:?}"),
    }
}

fn header(value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

/// What a client asks a token for.
pub(crate) fn scope(text: &str) {
    let reach = Reach::parse([text]);
    let words = text.split_ascii_whitespace().count();
    assert!(
        reach.repositories.len() <= words,
        "each repository was asked for"
    );
    assert!(
        reach
            .repositories
            .values()
            .all(|actions| !actions.is_empty())
    );
    assert_eq!(Reach::parse([reach.to_string().as_str()]), reach);
    let claim: Vec<Access> = (&reach).into();
    assert_eq!(
        Reach::from(claim.as_slice()),
        reach,
        "a token says the same"
    );
    let whole = BTreeSet::from(crate::auth::config::Action::ALL);
    assert!(
        reach
            .repositories
            .values()
            .all(|actions| actions.is_subset(&whole))
    );
}

/// What a stranger says is a token is never one. Under our own signature, claims that were made up are
/// believed only where they are in order, and give no more than they say.
pub(crate) fn token(text: &str) {
    let now = UNIX_EPOCH + Duration::from_hours(500_000);
    assert!(TOKENS.verify(text, now).is_err(), "a forgery was believed");
    assert!(
        TOKENS.verify_refresh(text, now).is_err(),
        "a forgery was believed"
    );
    let Ok(claims) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let Ok(signed) = TOKENS.signed(&claims) else {
        return;
    };
    if let Ok(verified) = TOKENS.verify(&signed, now) {
        in_order(&claims, "roadstead", now);
        assert_eq!(
            verified.holder.is_none(),
            claims["sub"] == "",
            "nobody's, or somebody's"
        );
        let claim: Vec<Access> = (&*verified.reach).into();
        assert_eq!(
            Reach::from(claim.as_slice()),
            *verified.reach,
            "passed on, it is the same"
        );
        assert!(
            TOKENS.verify_refresh(&signed, now).is_err(),
            "one kind or the other"
        );
    }
    if TOKENS.verify_refresh(&signed, now).is_ok() {
        in_order(&claims, "roadstead/token", now);
    }
}

#[track_caller]
fn in_order(claims: &Value, audience: &str, now: SystemTime) {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    assert_eq!(claims["iss"], "roadstead");
    assert_eq!(claims["aud"], audience);
    assert!(claims["nbf"].as_u64().is_some_and(|begin| begin <= now));
    assert!(claims["exp"].as_u64().is_some_and(|end| now < end));
}

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let key = TokenKey::open_or_create(&dir.path().join("certs"));
    Tokens::new(&key.expect("a fresh key"))
});

/// The text of the user file.
pub(crate) fn users(text: &str) {
    let Ok(table) = Table::parse(text) else {
        return;
    };
    let again = Table::parse(&table.to_string()).expect("what we write is a user file");
    assert!(
        again.accounts().eq(table.accounts()),
        "nobody is lost or changed"
    );
    let mut names = BTreeSet::new();
    for account in table.accounts() {
        assert!(names.insert(account.name.clone()), "nobody has two lines");
        assert_eq!(table.find(&account.name), Some(account));
        assert!(!account.name.as_str().contains([':', '\n', '#']));
        assert!(!format!("{account:?}").contains(account.hash.as_str()));
    }
}
