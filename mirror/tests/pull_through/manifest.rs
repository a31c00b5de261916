//! Manifests: fetched once for all, kept, and asked about again only when that is due.

use harness::{Fault, Subject, Upstream};
use http::Method;
use roadstead_storage::oci::Reference;
use roadstead_storage::{Origin, Principal, Put};

use crate::lab::{Lab, MAX_AGE, image, known, place, tag};

fn reads(upstream: &Upstream, method: &Method) -> usize {
    let wanted = upstream.wanted();
    let reads = wanted.iter().filter(|asked| {
        asked.method == *method && matches!(asked.subject(), Subject::Manifest(..))
    });
    reads.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_fetched_once_however_many_ask() {
    let upstream = Upstream::start();
    let image = image("x");
    upstream.put("a/b", "1", &image);
    let lab = Lab::new(&upstream).await;
    let asking = (0..100).map(|_| async {
        let given = lab.tag("1").await.expect("it is there");
        assert_eq!(given.stored.digest, known(&image.digest()));
        assert!(given.stale.is_none());
    });
    futures_util::future::join_all(asking).await;
    assert_eq!(reads(&upstream, &Method::GET), 1);
    assert_eq!(reads(&upstream, &Method::HEAD), 0);
}

#[tokio::test]
async fn a_tag_is_asked_about_again_when_it_is_due_and_not_read_again() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("x"));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    lab.later(MAX_AGE - 1);
    lab.tag("1").await.expect("it is held");
    assert_eq!(upstream.wanted().len(), 1);
    lab.later(1);
    lab.tag("1").await.expect("it is held");
    assert_eq!(
        (
            reads(&upstream, &Method::GET),
            reads(&upstream, &Method::HEAD)
        ),
        (1, 1)
    );
    // And is good for as long again.
    lab.tag("1").await.expect("it is held");
    assert_eq!(upstream.wanted().len(), 2);
}

#[tokio::test]
async fn a_tag_that_moved_is_followed() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("old"));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    let new = image("new");
    upstream.put("a/b", "1", &new);
    lab.later(MAX_AGE);
    let given = lab.tag("1").await.expect("it is there");
    assert_eq!(given.stored.digest, known(&new.digest()));
}

#[tokio::test]
async fn where_the_upstream_does_not_say_the_digest_the_manifest_is_read() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("old"));
    upstream.always(Fault::Without("docker-content-digest"));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    let new = image("new");
    upstream.put("a/b", "1", &new);
    lab.later(MAX_AGE);
    let given = lab.tag("1").await.expect("it is there");
    assert_eq!(given.stored.digest, known(&new.digest()));
}

#[tokio::test]
async fn what_was_pushed_is_never_asked_about() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("theirs"));
    let lab = Lab::new(&upstream).await;
    let ours = image("ours");
    let manifest = roadstead_storage::oci::Manifest::parse(None, ours.manifest.bytes.clone());
    let put = Put {
        digest: known(&ours.digest()),
        manifest: manifest.expect("a manifest"),
        tags: vec![tag("1")],
        origin: Origin::Pushed,
        by: Principal::new("ann"),
    };
    let stored = lab.store.repo(&place().local).put_manifest(put).await;
    stored.expect("it is stored");
    lab.later(10 * MAX_AGE);
    let given = lab.tag("1").await.expect("it is held");
    assert_eq!(given.stored.digest, known(&ours.digest()));
    assert_eq!(upstream.wanted().len(), 0);
}

#[tokio::test]
async fn a_digest_is_fetched_once_and_for_ever() {
    let upstream = Upstream::start();
    let image = image("x");
    upstream.put("a/b", "1", &image);
    let lab = Lab::new(&upstream).await;
    let digest = known(&image.digest());
    let given = lab.manifest(digest).await.expect("it is there");
    assert_eq!(given.stored.bytes, image.manifest.bytes);
    let held = lab.store.repo(&place().local);
    let held = held.manifest(&Reference::Digest(digest)).await;
    assert!(held.expect("reads").is_some());
    assert_eq!(upstream.wanted().len(), 1);
}

#[tokio::test]
async fn what_the_upstream_does_not_have_is_not_found_and_leaves_nothing() {
    let upstream = Upstream::start();
    let lab = Lab::new(&upstream).await;
    let error = lab.tag("1").await.expect_err("it is not there");
    assert!(error.is_not_found(), "{error}");
    let digest = known(&image("x").digest());
    let error = lab.manifest(digest).await.expect_err("it is not there");
    assert!(error.is_not_found(), "{error}");
    assert!(
        !lab.store
            .repo(&place().local)
            .exists()
            .await
            .expect("reads")
    );
}

#[tokio::test]
async fn a_manifest_of_another_digest_is_neither_given_nor_kept() {
    let upstream = Upstream::start();
    let image = image("x");
    upstream.put("a/b", known(&image.digest()).to_string().as_str(), &image);
    upstream.always(Fault::Flipped(3));
    let lab = Lab::new(&upstream).await;
    lab.manifest(known(&image.digest()))
        .await
        .expect_err("it is another");
    assert!(
        !lab.store
            .repo(&place().local)
            .exists()
            .await
            .expect("reads")
    );
}
