//! What goes wrong with stores: it costs what cannot be read, is told, and holds nobody up.

use std::time::Duration;

use harness::{At, Fault, Reply};
use roadstead_mirror::openshift::signature::collect;

use crate::lab::{
    answering, asked, check, collect_from, found, having, impatient, on_web, release, told,
};

#[tokio::test]
async fn one_that_fails_says_nothing_of_the_next() {
    for trouble in [Fault::status(500), Fault::status(403), Fault::status(206)] {
        let store = answering([found("one"), trouble, found("three")]);
        let collected = collect_from([&store]).await;
        check(&collected, ["one", "three"]);
        assert_eq!(told(&collected).len(), 1);
    }
    let store = answering([]);
    store.when(|asked| {
        let number = asked.path().rsplit('-').next().map(str::to_owned);
        match number.as_deref() {
            Some("1") => vec![found("one")],
            Some("2") => vec![found("two"), Fault::Cut(At::Byte(1))],
            Some("3") => vec![found("three")],
            _ => vec![Fault::status(404)],
        }
    });
    let collected = collect_from([&store]).await;
    check(&collected, ["one", "three"]);
    assert_eq!(told(&collected).len(), 1);
}

#[tokio::test]
async fn a_store_that_only_fails_is_not_asked_for_ever() {
    let store = answering([]);
    store.always(Fault::status(503));
    let collected = collect_from([&store, &having(["one"])]).await;
    check(&collected, ["one"]);
    let told = told(&collected);
    assert_eq!(told.len(), 9);
    assert!(
        told[0].starts_with("ask the signature store http://127.0.0.1"),
        "{}",
        told[0]
    );
    assert!(
        told[0].ends_with("answered 503 Service Unavailable"),
        "{}",
        told[0]
    );
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_asked_once() {
    let mut down = having(["one"]);
    down.stop();
    let collected = collect_from([&down, &having(["two"])]).await;
    check(&collected, ["two"]);
    assert_eq!(told(&collected).len(), 1, "{:?}", told(&collected));
}

#[tokio::test]
async fn a_store_that_does_not_go_on_is_given_up() {
    for stalled in [At::Start, At::Byte(2)] {
        let store = having(["one"]);
        store.when(move |_| vec![found("one"), Fault::stall(stalled)]);
        let stores = [on_web(&store.url(), &impatient())];
        let collected = collect(&stores, Vec::new(), &release()).await;
        check(&collected, []);
        assert_eq!(told(&collected).len(), 1);
    }
}

#[tokio::test]
async fn what_drips_for_ever_is_given_up() {
    let store = having(["one"]);
    store.when(|_| {
        let long = Fault::Instead(Reply::new(200).body(vec![0xa3; 10_000]));
        vec![long, Fault::Drip(1, Duration::from_millis(50))]
    });
    let stores = [on_web(&store.url(), &impatient())];
    let collected = collect(&stores, Vec::new(), &release()).await;
    check(&collected, []);
    assert_eq!(told(&collected).len(), 1);
}

#[tokio::test]
async fn no_more_is_read_than_a_signature_may_take() {
    let body = |length| {
        let body = vec![0xa3; length];
        Fault::Instead(Reply::new(200).body(body))
    };
    let (most, more) = (50 * 1024, 50 * 1024 + 1);
    let store = answering([body(most), body(more), found("three")]);
    let collected = collect_from([&store]).await;
    assert_eq!(collected.signatures.len(), 2);
    assert_eq!(collected.signatures[0].len(), most);
    let told = told(&collected);
    assert!(
        told[0].ends_with("the body is larger than 51200 bytes"),
        "{told:?}"
    );
    let endless = having(["one"]);
    endless.always(Fault::EndlessBody);
    assert!(collect_from([&endless]).await.signatures.is_empty());
}

#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let store = having(["one"]);
    store.when(|asked| {
        if asked.path().ends_with("-1") {
            let body = vec![0xa3; 4 << 20];
            vec![Fault::Instead(Reply::new(200).body(body)), Fault::Gzip]
        } else {
            vec![Fault::status(404)]
        }
    });
    let collected = collect_from([&store]).await;
    check(&collected, []);
    assert_eq!(told(&collected).len(), 1);
}

#[tokio::test]
async fn a_page_that_wants_a_login_is_no_signature() {
    let page = || Fault::Instead(Reply::new(200).body("<html>Please log in"));
    let store = answering([page(), found("two"), Fault::Instead(Reply::new(200))]);
    let collected = collect_from([&store]).await;
    check(&collected, ["two"]);
    let told = told(&collected);
    assert_eq!(told.len(), 2);
    assert!(
        told[0].ends_with("sent something that is no signature"),
        "{told:?}"
    );
    assert_eq!(asked(&store).len(), 4);
}
