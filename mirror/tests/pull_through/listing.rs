//! Lists: what is held and what the upstream has, in one.

use harness::{Fault, Image, Upstream};
use roadstead_mirror::Listing;
use roadstead_storage::oci::{Reference, Tag};
use roadstead_storage::{Origin, Principal, Put};

use crate::lab::{Lab, image, known, place, tag};

fn names(listing: &Listing<Tag>) -> Vec<String> {
    listing.entries.iter().map(Tag::to_string).collect()
}

async fn push(lab: &Lab, name: &str) {
    let ours = image(name);
    let manifest = roadstead_storage::oci::Manifest::parse(None, ours.manifest.bytes.clone());
    let put = Put {
        digest: known(&ours.digest()),
        manifest: manifest.expect("a manifest"),
        tags: vec![tag(name)],
        origin: Origin::Pushed,
        by: Principal::new("ann"),
    };
    let stored = lab.store.repo(&place().local).put_manifest(put).await;
    stored.expect("it is stored");
}

#[tokio::test]
async fn tags_are_those_held_and_those_of_the_upstream_each_once() {
    let upstream = Upstream::start();
    for name in ["a", "c"] {
        upstream.put("a/b", name, &image(name));
    }
    let lab = Lab::new(&upstream).await;
    push(&lab, "b").await;
    lab.tag("a").await.expect("it is there");
    let tags = lab.pull_through.tags(&place()).await.expect("it answers");
    assert_eq!(names(&tags.expect("it is known")), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_asked_for_once_in_a_while_however_many_ask() {
    let upstream = Upstream::start();
    upstream.put("a/b", "a", &image("a"));
    let lab = Lab::new(&upstream).await;
    let place = place();
    let asking = (0..50).map(|_| lab.pull_through.tags(&place));
    for tags in futures_util::future::join_all(asking).await {
        assert_eq!(names(&tags.expect("it answers").expect("known")), ["a"]);
    }
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test]
async fn what_neither_knows_is_unknown_and_what_is_held_stays_known() {
    let upstream = Upstream::start();
    let lab = Lab::new(&upstream).await;
    let none = lab.pull_through.tags(&place()).await.expect("it answers");
    assert!(none.is_none());
    push(&lab, "b").await;
    let tags = lab.pull_through.tags(&place()).await.expect("it answers");
    let tags = tags.expect("it is held");
    assert!(tags.stale.is_none());
    assert_eq!(names(&tags), ["b"]);
}

#[tokio::test]
async fn what_is_held_is_the_list_when_the_upstream_fails() {
    let mut upstream = Upstream::start();
    let subject = image("a");
    upstream.put("a/b", "a", &subject);
    let lab = Lab::new(&upstream).await;
    let digest = known(&subject.digest());
    upstream.always(Fault::status(503));
    lab.pull_through
        .tags(&place())
        .await
        .expect_err("nothing is held");
    let referrers = lab.pull_through.referrers(&place(), digest).await;
    referrers.expect_err("nobody knows whether there are any");
    upstream.behave();
    lab.tag("a").await.expect("it is there");
    upstream.stop();
    let tags = lab.pull_through.tags(&place()).await.expect("it is held");
    let tags = tags.expect("it is known");
    assert!(
        tags.stale
            .as_ref()
            .is_some_and(|stale| stale.because.is_some())
    );
    assert_eq!(names(&tags), ["a"]);
    let referrers = lab.pull_through.referrers(&place(), digest).await;
    let referrers = referrers.expect("the subject is held");
    assert!(referrers.entries.is_empty() && referrers.stale.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_refer_later_is_listed_and_fetched() {
    let upstream = Upstream::start();
    let subject = image("x");
    upstream.put("a/b", "1", &subject);
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    let referrer = Image::referrer(&subject.manifest, "application/x.sig", "later");
    upstream.put("a/b", referrer.digest().as_str(), &referrer);
    let subject = known(&subject.digest());
    let listed = lab.pull_through.referrers(&place(), subject).await;
    assert_eq!(listed.expect("it answers").entries.len(), 1);
    lab.comes(&Reference::Digest(known(&referrer.digest())))
        .await;
}
