//! What belongs to a manifest is here before anybody asks for it.

use harness::upstream::{Asked, Referrers};
use harness::{Fault, Image, Upstream, eventually};
use roadstead_mirror::Blob;
use roadstead_storage::oci::Reference;

use tokio::runtime::Handle;

use crate::lab::{Lab, image, known, place, repo, tag};

#[tokio::test(flavor = "multi_thread")]
async fn referrers_come_along_with_their_content_from_either_kind_of_upstream() {
    for referrers in [Referrers::Api, Referrers::Tag] {
        let mut upstream = Upstream::with().referrers(referrers).start();
        let subject = image("x");
        let referrer = Image::referrer(&subject.manifest, "application/x.sbom", "text");
        upstream.put("a/b", "1", &subject);
        upstream.put("a/b", referrer.digest().as_str(), &referrer);
        let lab = Lab::new(&upstream).await;
        lab.tag("1").await.expect("it is there");
        lab.comes(&Reference::Digest(known(&referrer.digest())))
            .await;
        let layer = known(&harness::Digest::of(&referrer.layers[0]));
        eventually("its content is here", || {
            tokio::task::block_in_place(|| Handle::current().block_on(lab.holds(layer)))
        });
        upstream.stop();
        let subject = known(&subject.digest());
        let listed = lab.pull_through.referrers(&place(), subject).await;
        let listed = listed.expect("it is held").entries;
        let digests: Vec<_> = listed.iter().map(|one| one.digest).collect();
        assert_eq!(digests, [known(&referrer.digest())], "{referrers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_under_tags_come_along() {
    let upstream = Upstream::with().referrers(Referrers::None).start();
    let subject = image("x");
    upstream.put("a/b", "1", &subject);
    let digest = known(&subject.digest());
    let tags =
        [".sig", ".att", ".sbom", ""].map(|suffix| format!("sha256-{}{suffix}", digest.hex()));
    for name in &tags {
        upstream.put("a/b", name, &image(name));
    }
    let lab = Lab::new(&upstream).await;
    lab.manifest(digest).await.expect("it is there");
    for name in &tags {
        lab.comes(&Reference::Tag(tag(name))).await;
    }
    // What belongs to what belongs to it is asked for by nobody.
    let further = |asked: &Asked| asked.path().matches("sha256").count() > 1;
    assert_eq!(upstream.count(further), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_any_costs_no_further_pull() {
    let upstream = Upstream::with().referrers(Referrers::None).start();
    upstream.put("a/b", "1", &image("x"));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    eventually("the last of them was asked for", || {
        upstream.count(|asked| asked.path().contains(".sbom")) == 1
    });
    let pulls =
        upstream.count(|asked| asked.method == "GET" && asked.path().contains("/manifests/"));
    assert_eq!(pulls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_companion_that_fails_harms_nobody() {
    let upstream = Upstream::start();
    let subject = image("x");
    upstream.put("a/b", "1", &subject);
    upstream.when(|asked| asked.is_along().then(|| Fault::status(500)));
    let lab = Lab::new(&upstream).await;
    lab.tag("1").await.expect("it is there");
    let layer = known(&harness::Digest::of(&subject.layers[0]));
    match lab.blob(layer).await.expect("it is there") {
        Blob::Arriving(reader) => {
            crate::lab::read(reader).await.expect("it comes");
        }
        other => panic!("nobody fetched it before: {other:?}"),
    }
    let other = lab.store.repo(&repo("upstream/other"));
    assert!(!other.exists().await.expect("reads"));
}
