//! What the upstream no longer has goes only when that is wanted, and takes nothing else along.

use harness::{Fault, Image, Subject, Upstream};
use roadstead_mirror::job::{Order, Selection, State};
use roadstead_storage::Origin;

use crate::lab::{Lab, image, made_from, matching, states, tagged};

fn pruning(mut order: Order) -> Order {
    order.prune = true;
    order
}

/// An upstream with these tags, and a store that has mirrored all of it.
async fn mirrored(tags: &[&str]) -> (Upstream, Lab) {
    let upstream = Upstream::start();
    for tag in tags {
        upstream.put("a/b", tag, &image(tag));
    }
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([Selection::All])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    (upstream, lab)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_upstream_deletes_stays_unless_pruning_is_wanted() {
    let (upstream, lab) = mirrored(&["1", "2"]).await;
    upstream.remove("a/b", "2");
    let outcome = lab.run(lab.order([Selection::All])).await;
    assert!(outcome.is_complete() && outcome.pruned.is_empty());
    assert_eq!(lab.tags("upstream/a/b").await, ["1", "2"]);
    let report = lab.report(pruning(lab.order([Selection::All]))).await;
    assert_eq!(report.prune, ["upstream/a/b:2"]);
    assert_eq!(lab.tags("upstream/a/b").await, ["1", "2"]);
    let outcome = lab.run(pruning(lab.order([Selection::All]))).await;
    assert_eq!(outcome.pruned, ["upstream/a/b:2"]);
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(lab.tags("upstream/a/b").await, ["1"]);
    let gone = image("2").digest();
    assert!(lab.whole("upstream/a/b", gone.as_str()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_go_with_what_they_sign() {
    let upstream = Upstream::start();
    let (kept, going) = (image("kept"), image("going"));
    for (tag, image) in [("1", &kept), ("2", &going)] {
        upstream.put("a/b", tag, image);
        let signature = crate::lab::image(&format!("signature of {tag}"));
        upstream.put("a/b", &made_from(&image.digest(), ".sig"), &signature);
        let referrer = Image::referrer(&image.manifest, "application/signature", tag);
        upstream.put("a/b", referrer.digest().as_str(), &referrer);
    }
    let lab = Lab::new(&upstream).await;
    lab.run(lab.order([matching("*")])).await;
    upstream.remove("a/b", "2");
    let outcome = lab.run(pruning(lab.order([matching("*")]))).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let signature = made_from(&kept.digest(), ".sig");
    assert_eq!(lab.tags("upstream/a/b").await, ["1".to_owned(), signature]);
    for (tag, image, is_here) in [("1", &kept, true), ("2", &going, false)] {
        let referrer = Image::referrer(&image.manifest, "application/signature", tag);
        let here = lab.whole("upstream/a/b", referrer.digest().as_str()).await;
        assert_eq!(here.is_some(), is_here, "{tag}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_mirrored_and_wished_for_goes() {
    let (upstream, lab) = mirrored(&["1.1", "1.2", "2.1"]).await;
    lab.put("upstream/a/b", &["1.3"], &image("1.1"), Origin::Pushed)
        .await;
    lab.put(
        "upstream/a/b",
        &["1.4"],
        &image("1.1"),
        Origin::PulledThrough,
    )
    .await;
    upstream.remove("a/b", "1.2");
    upstream.remove("a/b", "2.1");
    let outcome = lab.run(pruning(lab.order([matching("1.*")]))).await;
    assert_eq!(outcome.pruned, ["upstream/a/b:1.2"]);
    let tags = lab.tags("upstream/a/b").await;
    assert_eq!(tags, ["1.1", "1.3", "1.4", "2.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_tag_needs_stays() {
    let upstream = Upstream::start();
    for tag in ["1", "2"] {
        upstream.put("a/b", tag, &image("same"));
    }
    let lab = Lab::new(&upstream).await;
    lab.run(lab.order([Selection::All])).await;
    upstream.remove("a/b", "2");
    let outcome = lab.run(pruning(lab.order([Selection::All]))).await;
    assert_eq!(outcome.pruned, ["upstream/a/b:2"]);
    assert!(lab.whole("upstream/a/b", "1").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_list_cannot_be_read_nothing_goes_and_that_is_told() {
    let (upstream, lab) = mirrored(&["1", "2"]).await;
    upstream.remove("a/b", "2");
    upstream.when(|asked| matches!(asked.subject(), Subject::Tags(_)).then(|| Fault::status(403)));
    let outcome = lab.run(pruning(lab.order([Selection::All]))).await;
    assert!(outcome.pruned.is_empty());
    assert_eq!(outcome.not_pruned[0].repository, "upstream/a/b");
    assert!(!outcome.is_complete());
    upstream.behave();
    upstream.remove_repository("a/b");
    let outcome = lab.run(pruning(lab.order([Selection::All]))).await;
    assert!(outcome.pruned.is_empty());
    let because = &outcome.not_pruned[0].because;
    assert!(because.ends_with("is not there"), "{because}");
    assert_eq!(lab.tags("upstream/a/b").await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_tag_that_goes_is_no_failure() {
    let (upstream, lab) = mirrored(&["1", "2"]).await;
    upstream.remove("a/b", "2");
    let wanted = || pruning(lab.order([tagged("1"), tagged("2")]));
    let outcome = lab.run(wanted()).await;
    let expected = [
        ("upstream/a/b:1", State::Unchanged),
        ("upstream/a/b:2", State::Missing),
    ];
    assert_eq!(states(&outcome), expected);
    assert_eq!(outcome.pruned, ["upstream/a/b:2"]);
    assert!(outcome.is_complete(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_may_be_deleted_that_is_told() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    upstream.put("a/b", "2", &image("2"));
    let lab = Lab::with(&upstream, |config| config.delete = false).await;
    lab.run(lab.order([Selection::All])).await;
    upstream.remove("a/b", "2");
    let outcome = lab.run(pruning(lab.order([Selection::All]))).await;
    assert_eq!(outcome.not_pruned[0].because, "deleting is disabled");
    assert_eq!(lab.tags("upstream/a/b").await, ["1", "2"]);
}
