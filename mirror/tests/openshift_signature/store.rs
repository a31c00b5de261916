//! What stores have is found: all of it, once.

use harness::{At, Fault, Gate};
use roadstead_mirror::openshift::signature::{SignatureStore, collect};
use roadstead_storage::oci::{Algorithm, Digest};
use tokio::runtime::Handle;

use crate::lab::{
    answering, asked, check, collect_from, found, given, having, network, on_web, path, release,
    signature, told,
};

#[tokio::test]
async fn every_signature_is_asked_for_until_one_is_not_there() {
    let store = having(["one", "two", "three"]);
    let collected = collect_from([&store]).await;
    check(&collected, ["one", "two", "three"]);
    assert_eq!(told(&collected), [] as [&str; 0]);
    assert_eq!(asked(&store), [1, 2, 3, 4].map(path));
}

#[tokio::test]
async fn a_store_without_any_has_none_and_that_is_no_failure() {
    let collected = collect_from([&having([]), &answering([Fault::status(410)])]).await;
    check(&collected, []);
    assert_eq!(told(&collected), [] as [&str; 0]);
}

#[tokio::test]
async fn nobody_is_asked_for_more_than_nine() {
    let all = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let store = having(all);
    let collected = collect_from([&store]).await;
    check(&collected, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(asked(&store).len(), 9);
}

#[tokio::test]
async fn the_same_signature_is_taken_once_wherever_it_is_found() {
    let (a, b) = (having(["one", "two"]), having(["two", "three", "one"]));
    let network = network();
    let brought = vec![given(release(), 1, "three"), given(release(), 2, "four")];
    let stores = [
        on_web(&a.url(), &network),
        on_web(&b.url(), &network),
        SignatureStore::given(brought),
    ];
    let held = vec![signature("two"), signature("zero")];
    let collected = collect(&stores, held, &release()).await;
    check(&collected, ["two", "zero", "one", "three", "four"]);
}

#[tokio::test]
async fn what_was_brought_along_counts_for_its_release_in_the_order_of_its_numbers() {
    let other = Digest::of(Algorithm::Sha256, b"another release");
    let store = SignatureStore::given(vec![
        given(release(), 10, "ten"),
        given(other, 1, "of another"),
        given(release(), 2, "two"),
    ]);
    let collected = collect(&[store], Vec::new(), &release()).await;
    check(&collected, ["two", "ten"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_are_asked_at_the_same_time() {
    let gate = Gate::new();
    let slow = answering([Fault::Hold(At::Start, gate.clone())]);
    let quick = having(["one"]);
    let urls = [slow.url(), quick.url()];
    let collecting = Handle::current().spawn(async move {
        let network = network();
        let stores = urls.map(|url| on_web(&url, &network));
        collect(&stores, Vec::new(), &release()).await
    });
    // The first has not answered when the second has said all it knows.
    harness::eventually("the second is asked", || asked(&quick).len() == 2);
    gate.open();
    check(&collecting.await.unwrap(), ["one"]);
}

#[tokio::test]
async fn nothing_secret_goes_along() {
    let store = having(["one"]);
    collect_from([&store]).await;
    for asked in store.asked() {
        assert_eq!(asked.header("authorization"), None);
        assert_eq!(asked.header("cookie"), None);
        assert_eq!(asked.header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test]
async fn one_that_a_proxy_compressed_is_as_it_was() {
    let store = having(["one"]);
    let compressed = answering([found("one")]);
    compressed.when(|asked| {
        if asked.path() == path(1) {
            vec![found("one"), Fault::Gzip]
        } else {
            vec![Fault::status(404)]
        }
    });
    let collected = collect_from([&store, &compressed]).await;
    check(&collected, ["one"]);
    assert_eq!(told(&collected), [] as [&str; 0]);
}
