//! What goes wrong costs what needs it, and is told; nothing broken is ever named by a tag.

use std::time::Duration;

use bytes::Bytes;
use harness::upstream::Asked;
use harness::{At, Fault, Format, Image, Noise, Reply, Subject, Upstream, index_of};
use roadstead_mirror::job::{CutShort, State};
use roadstead_storage::KeepFree;

use crate::lab::{Lab, image, is_for_blob, known, order, states, tagged};

fn without_blob(blob: harness::Digest) -> impl Fn(&Asked) -> Option<Fault> {
    move |asked| is_for_blob(asked, blob.as_str()).then(|| Fault::status(404))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_fails_fails_the_images_that_need_it_and_no_others() {
    let upstream = Upstream::start();
    let lost = Bytes::from_static(b"lost");
    for (tag, layer) in [
        ("1", &lost),
        ("2", &Bytes::from_static(b"other")),
        ("3", &lost),
    ] {
        let config = Bytes::from(format!(r#"{{"tag":"{tag}"}}"#));
        let image = Image::assemble(Format::Oci, config, vec![layer.clone()]);
        upstream.put("a/b", tag, &image);
    }
    let lost = harness::Digest::of(&lost);
    upstream.when(without_blob(lost.clone()));
    let lab = Lab::new(&upstream).await;
    let wanted = || lab.order([tagged("1"), tagged("2"), tagged("3")]);
    let outcome = lab.run(wanted()).await;
    let expected = [
        ("upstream/a/b:1", State::Failed),
        ("upstream/a/b:2", State::New),
        ("upstream/a/b:3", State::Failed),
    ];
    assert_eq!(states(&outcome), expected);
    assert!(!outcome.is_complete());
    assert_eq!((outcome.totals.copied, outcome.totals.failed), (1, 2));
    for failed in outcome.failures() {
        let because = failed.because.as_deref().unwrap_or_default();
        assert!(because.contains(lost.as_str()), "{because}");
    }
    assert_eq!(lab.tags("upstream/a/b").await, ["2"]);
    upstream.behave();
    let outcome = lab.run(wanted()).await;
    assert_eq!(outcome.totals.copied, 2);
    assert!(outcome.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_names_what_it_did_until_all_of_the_new_is_here() {
    let upstream = Upstream::start();
    let (old, new) = (image("old"), image("new"));
    let list = index_of(
        Format::Oci,
        &[
            (&old.manifest, ("linux", "amd64")),
            (&new.manifest, ("linux", "arm64")),
        ],
    );
    upstream.put("a/b", "1", &old);
    let lab = Lab::new(&upstream).await;
    lab.run(lab.order([tagged("1")])).await;
    upstream.put("a/b", new.digest().as_str(), &new);
    upstream.put_manifest("a/b", "1", &list);
    upstream.when(without_blob(harness::Digest::of(&new.layers[0])));
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(states(&outcome), [("upstream/a/b:1", State::Failed)]);
    let here = lab.whole("upstream/a/b", "1").await;
    assert_eq!(here, Some(known(&old.digest())));
    for dangling in [list.digest(), new.digest()] {
        let here = lab.whole("upstream/a/b", dangling.as_str()).await;
        assert_eq!(here, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_failure_or_is_passed_over() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    let lab = Lab::new(&upstream).await;
    let wanted = || {
        order([
            lab.wish("a/b", tagged("1")),
            lab.wish("a/b", tagged("2")),
            lab.wish("a/none", tagged("1")),
        ])
    };
    let outcome = lab.run(wanted()).await;
    assert_eq!((outcome.totals.copied, outcome.totals.failed), (1, 2));
    let mut order = wanted();
    order.skip_missing = true;
    let outcome = lab.run(order).await;
    let expected = [
        ("upstream/a/b:1", State::Unchanged),
        ("upstream/a/b:2", State::Missing),
        ("upstream/a/none:1", State::Missing),
    ];
    assert_eq!(states(&outcome), expected);
    assert!(outcome.is_complete());
    let because = outcome.images[1].because.as_deref().unwrap_or_default();
    assert!(
        because.ends_with("/v2/a/b/manifests/2 is not there"),
        "{because}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_child_is_missing_is_not_whole() {
    let upstream = Upstream::start();
    let list = index_of(Format::Oci, &[(&image("x").manifest, ("linux", "amd64"))]);
    upstream.put_manifest("a/b", "1", &list);
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(outcome.totals.failed, 1);
    assert!(lab.tags("upstream/a/b").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_fetched_again_and_never_kept() {
    let upstream = Upstream::start();
    let image = image("1");
    let layer = harness::Digest::of(&image.layers[0]);
    upstream.put("a/b", "1", &image);
    let wanted = layer.clone();
    upstream.once(
        move |asked| is_for_blob(asked, wanted.as_str()),
        Fault::Flipped(3),
    );
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(lab.whole("upstream/a/b", "1").await.is_some());
    let twice = upstream.count(|asked| is_for_blob(asked, layer.as_str()));
    assert_eq!(twice, 2);
    upstream.put("a/b", "2", &crate::lab::image("2"));
    upstream
        .when(|asked| matches!(asked.subject(), Subject::Blob(..)).then_some(Fault::Flipped(3)));
    let outcome = lab.run(lab.order([tagged("2")])).await;
    assert_eq!(outcome.totals.failed, 1, "{outcome:?}");
    assert_eq!(lab.tags("upstream/a/b").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_the_upstream_asks_for_is_made() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    let busy = Reply::refusal(429, "TOOMANYREQUESTS").header("retry-after", "1");
    upstream.once(
        |asked| matches!(asked.subject(), Subject::Blob(..)),
        Fault::Instead(busy),
    );
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let asked = upstream.asked();
    let refused = asked
        .iter()
        .position(|asked| matches!(asked.subject(), Subject::Blob(..)))
        .expect("a blob is asked for");
    let last = asked.last().expect("it was asked again");
    let pause = last.at - asked[refused].at;
    assert!(pause >= Duration::from_millis(950), "{pause:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_ends_the_job_at_once() {
    let upstream = Upstream::start();
    for (n, tag) in ["1", "2", "3"].into_iter().enumerate() {
        let layer = Noise::new(n as u64, 2_000_000).bytes();
        let config = Bytes::from(format!(r#"{{"tag":"{tag}"}}"#));
        let image = Image::assemble(Format::Oci, config, vec![layer]);
        upstream.put("a/b", tag, &image);
    }
    let lab = Lab::with(&upstream, |config| {
        config.max_size = Some(1_000_000);
        config.keep_free = KeepFree::Bytes(0);
    })
    .await;
    let outcome = lab
        .run(lab.order([tagged("1"), tagged("2"), tagged("3")]))
        .await;
    let Some(CutShort::Failed { because }) = &outcome.cut_short else {
        panic!("it went on: {outcome:?}");
    };
    assert!(because.contains("may take 1000000"), "{because}");
    assert_eq!(outcome.totals.left, 3, "{outcome:?}");
    assert!(!outcome.is_complete());
    assert!(lab.tags("upstream/a/b").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_fails_costs_its_own_images_alone() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    for upstream in [&upstream, &other] {
        upstream.put("a/b", "1", &image("1"));
    }
    other.always(Fault::status(403));
    let lab = Lab::new(&upstream).await;
    let mut wishes = vec![lab.wish("a/b", tagged("1")), lab.wish("a/b", tagged("1"))];
    wishes[1].client = crate::lab::client(&other, "other");
    wishes[1].local = "other/a/b".parse().unwrap();
    let outcome = lab.run(order(wishes)).await;
    let expected = [
        ("upstream/a/b:1", State::New),
        ("other/a/b:1", State::Failed),
    ];
    assert_eq!(states(&outcome), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_one_upstream_has_lost_comes_from_the_other() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let image = image("1");
    for upstream in [&upstream, &other] {
        upstream.put("a/b", "1", &image);
    }
    upstream.when(without_blob(harness::Digest::of(&image.layers[0])));
    let lab = Lab::new(&upstream).await;
    let mut wishes = vec![lab.wish("a/b", tagged("1")), lab.wish("a/b", tagged("1"))];
    wishes[1].client = crate::lab::client(&other, "other");
    wishes[1].local = "other/a/b".parse().unwrap();
    let outcome = lab.run(order(wishes)).await;
    let states = states(&outcome);
    assert_eq!(states[1], ("other/a/b:1", State::New));
    assert!(lab.whole("other/a/b", "1").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_cost_only_what_was_on_its_way() {
    let upstream = Upstream::start();
    for (n, tag) in ["1", "2", "3", "4"].into_iter().enumerate() {
        let layer = Noise::new(n as u64, 900_000).bytes();
        let config = Bytes::from(format!(r#"{{"tag":"{tag}"}}"#));
        let image = Image::assemble(Format::Oci, config, vec![layer]);
        upstream.put("a/b", tag, &image);
    }
    upstream.when(|asked| {
        let is_large = matches!(asked.subject(), Subject::Blob(..));
        let is_first = asked.header("range").is_none();
        (is_large && is_first).then(|| Fault::Reset(At::Byte(500_000)))
    });
    let lab = Lab::new(&upstream).await;
    let outcome = lab
        .run(lab.order([tagged("1"), tagged("2"), tagged("3"), tagged("4")]))
        .await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let configs = 4 * r#"{"tag":"1"}"#.len() as u64;
    assert_eq!(lab.told(), 4 * 900_000 + configs);
    assert_eq!(outcome.totals.bytes_fetched, lab.told());
    let again = upstream.count(|asked| asked.header("range").is_some());
    assert_eq!(again, 4);
}
