//! What belongs to an image comes along: referrers, signatures, and what refers to these.

use harness::upstream::{Referrers, Subject};
use harness::{Fault, Format, Image, Upstream, index_of};
use roadstead_mirror::job::{Selection, State};

use crate::lab::{Lab, image, known, made_from, states, tagged};

/// How many manifests refer to one here.
async fn referrers(lab: &Lab, subject: &harness::Digest) -> usize {
    let repo = lab.repo("upstream/a/b");
    repo.referrers(known(subject)).await.expect("reads").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_come_along_and_what_refers_to_them() {
    for manner in [Referrers::Api, Referrers::Tag] {
        let upstream = Upstream::with().referrers(manner).start();
        let image = image("1");
        let bill = Image::referrer(&image.manifest, "application/spdx+json", "bill");
        let signature = Image::referrer(&bill.manifest, "application/signature", "signed");
        upstream.put("a/b", "1", &image);
        for referrer in [&bill, &signature] {
            upstream.put("a/b", referrer.digest().as_str(), referrer);
        }
        // The harness answers such tags and does not list them; registries do both.
        if manner == Referrers::Tag {
            for subject in [&image, &bill] {
                let listed = if subject.digest() == image.digest() {
                    &bill
                } else {
                    &signature
                };
                let list = index_of(Format::Oci, &[(&listed.manifest, ("", ""))]);
                upstream.put_manifest("a/b", &made_from(&subject.digest(), ""), &list);
            }
        }
        let lab = Lab::new(&upstream).await;
        let outcome = lab.run(lab.order([tagged("1")])).await;
        assert!(outcome.is_complete(), "{outcome:?}");
        assert_eq!(referrers(&lab, &image.digest()).await, 1, "{manner:?}");
        assert_eq!(referrers(&lab, &bill.digest()).await, 1, "{manner:?}");
        let signature = signature.digest();
        let here = lab.whole("upstream/a/b", signature.as_str()).await;
        assert!(here.is_some(), "{manner:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tags_of_signatures_come_along_those_of_children_too() {
    let upstream = Upstream::start();
    let child = image("child");
    let list = index_of(Format::Oci, &[(&child.manifest, ("linux", "amd64"))]);
    upstream.put("a/b", child.digest().as_str(), &child);
    upstream.put_manifest("a/b", "1", &list);
    let mut expected = vec!["1".to_owned()];
    for subject in [list.digest(), child.digest()] {
        for suffix in [".sig", ".att", ".sbom"] {
            let name = made_from(&subject, suffix);
            upstream.put("a/b", &name, &image(&name));
            expected.push(name);
        }
    }
    // Of an image that is not wanted.
    let other = made_from(&harness::Digest::of(b"other"), ".sig");
    upstream.put("a/b", &other, &image("other"));
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.totals.images, 1);
    expected.sort_unstable();
    assert_eq!(lab.tags("upstream/a/b").await, expected);
    for name in expected {
        assert!(lab.whole("upstream/a/b", &name).await.is_some(), "{name}");
    }
    let again = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(again.totals.unchanged, 1, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_as_a_whole_has_signatures_of_what_no_tag_names() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    let orphan = made_from(&harness::Digest::of(b"gone"), ".sig");
    upstream.put("a/b", &orphan, &image("orphan"));
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([Selection::All])).await;
    assert_eq!(outcome.totals.copied, 2, "{outcome:?}");
    assert!(lab.whole("upstream/a/b", &orphan).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_made_later_is_found_though_nothing_else_has_changed() {
    for manner in [Referrers::Api, Referrers::None] {
        let upstream = Upstream::with().referrers(manner).start();
        let image = image("1");
        upstream.put("a/b", "1", &image);
        let lab = Lab::new(&upstream).await;
        lab.run(lab.order([tagged("1")])).await;
        let signature = Image::referrer(&image.manifest, "application/signature", "signed");
        let name = match manner {
            Referrers::Api => signature.digest().as_str().to_owned(),
            _ => made_from(&image.digest(), ".sig"),
        };
        upstream.put("a/b", &name, &signature);
        let outcome = lab.run(lab.order([tagged("1")])).await;
        assert_eq!(states(&outcome), [("upstream/a/b:1", State::Changed)]);
        assert!(lab.whole("upstream/a/b", &name).await.is_some());
        // One that is added to moves its tag.
        if manner == Referrers::None {
            let more = Image::referrer(&image.manifest, "application/signature", "again");
            upstream.put("a/b", &name, &more);
            lab.run(lab.order([tagged("1")])).await;
            let here = lab.whole("upstream/a/b", &name).await;
            assert_eq!(here, Some(known(&more.digest())));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tags_are_not_listed_what_is_new_is_asked_for_its_signatures() {
    let upstream = Upstream::with().referrers(Referrers::None).start();
    let image = image("1");
    let name = made_from(&image.digest(), ".sig");
    upstream.put("a/b", "1", &image);
    upstream.put("a/b", &name, &crate::lab::image("signature"));
    upstream.when(|asked| {
        let is_list = matches!(asked.subject(), Subject::Tags(_));
        is_list.then(|| Fault::status(403))
    });
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(lab.whole("upstream/a/b", &name).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_referrers_may_outlive_what_it_lists() {
    let upstream = Upstream::start();
    let image = image("1");
    let gone = Image::referrer(&image.manifest, "application/signature", "gone");
    let list = index_of(Format::Oci, &[(&gone.manifest, ("", ""))]);
    let name = made_from(&image.digest(), "");
    upstream.put("a/b", "1", &image);
    upstream.put_manifest("a/b", &name, &list);
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(lab.tags("upstream/a/b").await, ["1".to_owned(), name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_not_tagged_before_its_signature_is_here() {
    let upstream = Upstream::start();
    let image = image("1");
    let signature = Image::referrer(&image.manifest, "application/signature", "signed");
    upstream.put("a/b", "1", &image);
    upstream.put("a/b", signature.digest().as_str(), &signature);
    let lost = harness::Digest::of(&signature.layers[0]);
    upstream.when(move |asked| {
        let is_it = matches!(asked.subject(), Subject::Blob(_, it) if it == lost.as_str());
        is_it.then(|| Fault::status(404))
    });
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(outcome.totals.failed, 1);
    assert!(lab.tags("upstream/a/b").await.is_empty());
    upstream.behave();
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(referrers(&lab, &image.digest()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_referrers_than_anybody_has_are_not_read() {
    let upstream = Upstream::start();
    let image = image("1");
    upstream.put("a/b", "1", &image);
    for n in 0..=1000 {
        let referrer = Image::referrer(&image.manifest, "a/signature", &n.to_string());
        upstream.put_manifest("a/b", referrer.digest().as_str(), &referrer.manifest);
    }
    let lab = Lab::new(&upstream).await;
    let report = lab.report(lab.order([tagged("1")])).await;
    let because = report.images[0].because.as_deref();
    assert_eq!(because, Some("more than 1000 manifests refer to it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_repository_has_too_many_tags_the_few_that_matter_are_asked_for() {
    let upstream = Upstream::with().page(2).start();
    let image = image("1");
    upstream.put("a/b", "1", &image);
    upstream.put(
        "a/b",
        &made_from(&image.digest(), ".sig"),
        &self::image("signature"),
    );
    for n in 0..50 {
        upstream.put("a/b", &format!("other-{n}"), &image);
    }
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let mut expected = vec!["1".to_owned(), made_from(&image.digest(), ".sig")];
    expected.sort_unstable();
    assert_eq!(lab.tags("upstream/a/b").await, expected);
    let pages = upstream.count(|asked| matches!(asked.subject(), Subject::Tags(_)));
    assert!(pages <= 3, "{pages}");
}
