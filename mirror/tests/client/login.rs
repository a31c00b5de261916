//! Logins: only when they are wanted, once for everybody, and for no more than reading.

use harness::upstream::{Subject, Tokens};
use harness::{Fault, Reply, Upstream};
use roadstead_mirror::{Client, Credentials, Error, Patience, Retry, Side};
use serde_json::json;

use crate::lab::{
    at, blob, client, hides, identity, image, known, manifest, password, read, repo, tag, told,
};

/// A client that is known to this upstream.
fn knowing(upstream: &Upstream, credentials: Credentials) -> Client {
    Client::new(&roadstead_mirror::Upstream {
        credentials,
        ..at([&upstream.url()])
    })
}

fn host(upstream: &Upstream) -> String {
    upstream.address().to_string()
}

#[tokio::test]
async fn a_password_is_sent_when_it_is_wanted() {
    let upstream = Upstream::with().basic("ann", "secret").start();
    upstream.put("a/b", "latest", &image("one"));
    let client = knowing(&upstream, password(&host(&upstream), "secret"));
    for _ in 0..2 {
        let read = manifest(&client, "latest");
        read.await.unwrap();
    }
    let asked = upstream.asked();
    let sent: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("authorization"))
        .collect();
    let login = Some("Basic YW5uOnNlY3JldA==");
    assert_eq!(sent, [None, login, login]);
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_for_reading_one_repository() {
    let tokens = Tokens::with().password("ann", "secret").build();
    let upstream = Upstream::with().bearer(&tokens).start();
    let digest = known(&upstream.put_blob("a/b", "blob"));
    let client = knowing(&upstream, password(&host(&upstream), "secret"));
    let pull = || async {
        let stream = blob(&client, digest, 0).await;
        assert_eq!(read(stream.unwrap()).await.0, b"blob");
    };
    tokio::join!(pull(), pull(), pull(), pull(), pull(), pull());
    assert_eq!(tokens.given(), 1);
    let asked = upstream.asked();
    let token = asked.iter().find(|asked| asked.subject() == Subject::Token);
    let token = token.unwrap();
    assert_eq!(token.query("scope").as_deref(), Some("repository:a/b:pull"));
    assert_eq!(token.query("service").as_deref(), Some("a test"));
    let before = asked.len();
    pull().await;
    assert_eq!(upstream.asked().len(), before + 1);
}

#[tokio::test]
async fn each_repository_has_its_token() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).start();
    let client = client(&upstream);
    for name in ["a/b", "a/c"] {
        upstream.put(name, "latest", &image(name));
        let (name, latest) = (name.parse().unwrap(), tag("latest"));
        let read = client.manifest(&name, &latest, Patience::Request);
        read.await.unwrap();
    }
    assert_eq!(tokens.given(), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_for_all() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).start();
    upstream.put("a/b", "latest", &image("one"));
    let client = client(&upstream);
    let pull = || async {
        let read = manifest(&client, "latest");
        read.await.unwrap();
    };
    pull().await;
    tokens.revoke();
    tokio::join!(pull(), pull(), pull(), pull());
    assert_eq!(tokens.given(), 2);
}

#[tokio::test]
async fn a_token_may_have_either_name_and_any_life() {
    for rules in [
        Tokens::with().open(),
        Tokens::with().open().as_access_token(),
        Tokens::with().open().expires_in(0),
        Tokens::with().open().expires_in(u64::MAX),
    ] {
        let tokens = rules.build();
        let upstream = Upstream::with().bearer(&tokens).start();
        upstream.put("a/b", "latest", &image("one"));
        let client = client(&upstream);
        for _ in 0..2 {
            let read = manifest(&client, "latest");
            read.await.unwrap();
        }
        assert_eq!(tokens.given(), 1);
    }
}

#[tokio::test]
async fn an_identity_token_goes_into_a_form_and_into_no_url() {
    let tokens = Tokens::with().identity("secret").build();
    let upstream = Upstream::with().bearer(&tokens).start();
    upstream.put("a/b", "latest", &image("one"));
    let client = knowing(&upstream, identity(&host(&upstream), "secret"));
    let read = manifest(&client, "latest");
    read.await.unwrap();
    assert_eq!(upstream.count(|asked| asked.target.contains("secret")), 0);
}

#[tokio::test]
async fn a_registry_that_says_only_at_its_root_which_login_it_wants_is_asked_there() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).start();
    upstream.put("a/b", "latest", &image("one"));
    upstream.when(|asked| {
        let says_nothing = asked.subject() != Subject::Ping;
        says_nothing.then_some(Fault::Without("www-authenticate"))
    });
    let client = client(&upstream);
    let read = manifest(&client, "latest");
    read.await.unwrap();
    assert_eq!(upstream.count(|asked| asked.subject() == Subject::Ping), 1);
}

#[tokio::test]
async fn a_wrong_password_is_our_fault_and_shown_to_nobody() {
    let tokens = Tokens::with().password("ann", "secret").build();
    for setup in [
        Upstream::with().bearer(&tokens),
        Upstream::with().basic("ann", "secret"),
    ] {
        let upstream = setup.start();
        let client = knowing(&upstream, password(&host(&upstream), "Passw0rd"));
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert_eq!((error.side(), error.retry()), (Side::Us, Retry::No));
        assert!(!error.is_outage());
        // The second is base64 of the login.
        hides(&error, &["Passw0rd", "YW5uOlBhc3N3MHJk"]);
        assert!(upstream.asked().len() <= 3);
    }
}

#[tokio::test]
async fn whoever_has_no_password_says_so() {
    let tokens = Tokens::with().password("ann", "secret").build();
    for setup in [
        Upstream::with().bearer(&tokens),
        Upstream::with().basic("ann", "secret"),
    ] {
        let upstream = setup.start();
        let client = client(&upstream);
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(matches!(error, Error::Login { .. }), "{error:?}");
        assert!(told(&error).contains("there are no"), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_token_is_not_asked_for_ever() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).start();
    let ours = tokens.clone();
    upstream.when(move |asked| {
        if asked.subject() != Subject::Token {
            ours.revoke();
        }
        None
    });
    let client = client(&upstream);
    let failed = client
        .manifest(&repo(), &tag("latest"), Patience::Job)
        .await;
    let error = failed.unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
    assert_eq!((error.side(), error.retry()), (Side::Us, Retry::No));
    assert_eq!(upstream.asked().len(), 3);
}

#[tokio::test]
async fn a_token_that_would_break_a_header_is_none() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).start();
    for evil in [
        json!({ "token": "x\r\nx-evil: y" }),
        json!({ "token": "" }),
        json!({ "token": 7 }),
        json!({}),
        json!([]),
    ] {
        upstream.when(move |asked| {
            let is_token = asked.subject() == Subject::Token;
            is_token.then(|| Fault::Instead(Reply::json(200, &evil)))
        });
        let client = client(&upstream);
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    }
    assert_eq!(upstream.count(|asked| asked.header("x-evil").is_some()), 0);
}

#[tokio::test]
async fn a_challenge_without_sense_is_a_refusal() {
    for challenge in [
        "Bearer realm=\"\"",
        "Bearer realm=\"/token\"",
        "Bearer realm=\"ftp://a/token\"",
        "Bearer realm=\"https://\"",
        "Bearer realm=\"https://a b/\"",
        "Negotiate",
        "Bearer",
    ] {
        let upstream = Upstream::start();
        let refusal = Reply::new(401).header("www-authenticate", challenge);
        upstream.always(Fault::Instead(refusal));
        let client = knowing(&upstream, password(&host(&upstream), "secret"));
        let failed = manifest(&client, "latest");
        let error = failed.await.unwrap_err();
        assert_eq!(
            (error.side(), error.retry()),
            (Side::Us, Retry::No),
            "{challenge}"
        );
        assert_eq!(
            upstream.count(|asked| asked.header("authorization").is_some()),
            0
        );
    }
}

#[tokio::test]
async fn a_token_service_without_an_end_is_not_read_on() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).start();
    upstream.when(|asked| (asked.subject() == Subject::Token).then_some(Fault::EndlessBody));
    let client = client(&upstream);
    let failed = manifest(&client, "latest");
    let error = failed.await.unwrap_err();
    assert!(
        told(&error).ends_with("larger than 262144 bytes"),
        "{}",
        told(&error)
    );
}

#[tokio::test]
async fn an_upstream_is_shown_without_its_secrets() {
    for credentials in [
        password("a.example", "Passw0rd"),
        identity("a.example", "Passw0rd"),
    ] {
        let upstream = roadstead_mirror::Upstream {
            credentials,
            ..at(["https://a.example"])
        };
        let shown = format!("{upstream:?} {:?}", Client::new(&upstream));
        assert!(!shown.contains("Passw0rd"), "{shown}");
    }
}
