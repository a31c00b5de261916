//! Copying: each thing once, and nothing that is here already.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use harness::{At, Fault, Format, Gate, Image, Manifest, Noise, Subject, Upstream};
use roadstead_mirror::job::{Event, Selection, State};
use roadstead_storage::{Fetch, Origin};
use serde_json::json;
use tokio::time::timeout;

use crate::lab::{
    Lab, asked_since, image, is_for_blob, known, matching, order, states, tag, tagged,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_many_images_share_is_fetched_once() {
    let upstream = Upstream::start();
    let shared = Noise::new(1, 500_000).bytes();
    let repositories = ["a/b", "a/c", "a/d"];
    for (n, repository) in repositories.into_iter().enumerate() {
        for tag in ["1", "2"] {
            let config = Bytes::from(format!(r#"{{"n":"{n}{tag}"}}"#));
            let image = Image::assemble(Format::Oci, config, vec![shared.clone()]);
            upstream.put(repository, tag, &image);
        }
    }
    let lab = Lab::new(&upstream).await;
    let outcome = lab
        .run(order(repositories.map(|it| lab.wish(it, Selection::All))))
        .await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.totals.copied, 6);
    let layer = harness::Digest::of(&shared);
    let fetched = upstream.count(|asked| is_for_blob(asked, layer.as_str()));
    assert_eq!(fetched, 1);
    let blobs = upstream.asked().into_iter();
    let blobs = blobs.filter(|asked| matches!(asked.subject(), Subject::Blob(..)));
    let bytes: u64 = blobs.map(|asked| asked.sent).sum();
    assert_eq!(outcome.totals.bytes_fetched, bytes);
    assert_eq!(lab.told(), bytes);
    for repository in repositories {
        for tag in ["1", "2"] {
            let here = lab.whole(&format!("upstream/{repository}"), tag).await;
            assert!(here.is_some(), "{repository}:{tag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_nothing_to_do_asks_for_each_tag_and_what_refers_to_it() {
    let upstream = Upstream::start();
    for tag in ["1", "2", "3"] {
        upstream.put("a/b", tag, &image(tag));
    }
    let lab = Lab::new(&upstream).await;
    let wanted = || lab.order([matching("*")]);
    lab.run(wanted()).await;
    let before = upstream.asked().len();
    let outcome = lab.run(wanted()).await;
    assert_eq!(outcome.totals.unchanged, 3);
    assert_eq!(outcome.totals.bytes_fetched, 0);
    let expected = [
        "GET referrers in a/b",
        "GET referrers in a/b",
        "GET referrers in a/b",
        "GET tags of a/b",
        "HEAD a/b 1",
        "HEAD a/b 2",
        "HEAD a/b 3",
    ];
    assert_eq!(asked_since(&upstream, before), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_referrers_is_asked_for_each_tag_and_no_more() {
    let upstream = Upstream::with()
        .referrers(harness::upstream::Referrers::None)
        .start();
    for tag in ["1", "2", "3"] {
        upstream.put("a/b", tag, &image(tag));
    }
    let lab = Lab::new(&upstream).await;
    lab.run(lab.order([matching("*")])).await;
    let before = upstream.asked().len();
    lab.run(lab.order([matching("*")])).await;
    let expected = [
        "GET referrers in a/b",
        "GET tags of a/b",
        "HEAD a/b 1",
        "HEAD a/b 2",
        "HEAD a/b 3",
    ];
    assert_eq!(asked_since(&upstream, before), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_is_fetched() {
    let upstream = Upstream::start();
    let base = Noise::new(1, 300_000).bytes();
    let with = |text: &'static str| {
        Image::assemble(
            Format::Oci,
            Bytes::from(format!(r#"{{"text":"{text}"}}"#)),
            vec![base.clone(), Bytes::from_static(text.as_bytes())],
        )
    };
    upstream.put("a/b", "1", &with("old"));
    let lab = Lab::new(&upstream).await;
    lab.run(lab.order([tagged("1")])).await;
    upstream.put("a/b", "1", &with("new"));
    let report = lab.report(lab.order([tagged("1")])).await;
    let [planned] = &report.images[..] else {
        panic!("one image: {report:?}");
    };
    assert_eq!(planned.state, State::Changed);
    assert_eq!(planned.bytes_to_fetch, 14 + 3);
    assert_eq!(planned.bytes_here, 300_000);
    let before = upstream.sent();
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(states(&outcome), [("upstream/a/b:1", State::Changed)]);
    assert_eq!(outcome.totals.bytes_fetched, 14 + 3);
    assert_eq!(outcome.totals.bytes_saved, 300_000);
    assert!(upstream.sent() - before < 10_000);
    let new = known(&with("new").digest());
    assert_eq!(lab.whole("upstream/a/b", "1").await, Some(new));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_changes_nothing() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    let lab = Lab::new(&upstream).await;
    let report = lab.report(lab.order([tagged("1")])).await;
    assert_eq!(report.totals.copy, 1);
    assert_eq!(report.images[0].destination, "upstream/a/b:1");
    assert!(report.totals.bytes_to_fetch > 0);
    assert!(lab.tags("upstream/a/b").await.is_empty());
    assert_eq!(
        upstream.count(|asked| matches!(asked.subject(), Subject::Blob(..))),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_from_the_plan_to_the_last_image() {
    let upstream = Upstream::start();
    upstream.put("a/b", "1", &image("1"));
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    let events = lab.events();
    let bytes = outcome.totals.bytes_fetched;
    assert_eq!(events[0], Event::Examined { done: 1, of: 1 });
    assert_eq!(events[1], Event::Planned { images: 1, bytes });
    let last = Event::ImageDone {
        source: "upstream/a/b:1".to_owned(),
        state: State::New,
    };
    assert_eq!(events.last(), Some(&last));
    assert_eq!(lab.told(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_by_its_digest_has_a_tag_only_if_one_is_wanted() {
    let upstream = Upstream::start();
    let (plain, named) = (image("plain"), image("named"));
    upstream.put("a/b", "1", &plain);
    upstream.put("a/b", "2", &named);
    let lab = Lab::new(&upstream).await;
    let mut wishes = vec![
        lab.wish("a/b", Selection::Digest(known(&plain.digest()))),
        lab.wish("a/b", Selection::Digest(known(&named.digest()))),
        lab.wish("a/b", tagged("1")),
    ];
    wishes[1].tag = Some(tag("here"));
    wishes[2].tag = Some(tag("other"));
    wishes[2].local = "team/app".parse().unwrap();
    let outcome = lab.run(order(wishes)).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(lab.tags("upstream/a/b").await, ["here"]);
    assert_eq!(lab.tags("team/app").await, ["other"]);
    let digest = plain.digest();
    let here = lab.whole("upstream/a/b", digest.as_str()).await;
    assert_eq!(here, Some(known(&digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pulled_through_becomes_mirrored_without_another_byte() {
    let upstream = Upstream::start();
    let image = image("1");
    upstream.put("a/b", "1", &image);
    let lab = Lab::new(&upstream).await;
    lab.run(lab.order([tagged("1")])).await;
    lab.repo("upstream/a/b")
        .delete_tag(&tag("1"))
        .await
        .unwrap();
    let digest = known(&image.digest());
    lab.repo("upstream/a/b")
        .delete_manifest(digest)
        .await
        .unwrap();
    lab.put("upstream/a/b", &["1"], &image, Origin::PulledThrough)
        .await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(outcome.totals.copied, 1);
    assert_eq!(outcome.totals.bytes_fetched, 0);
    let state = lab.repo("upstream/a/b").tag(&tag("1")).await.unwrap();
    assert_eq!(state.map(|state| state.origin), Some(Origin::Mirrored));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_a_client_is_having_fetched_is_waited_for() {
    let upstream = Upstream::start();
    let image = image("1");
    upstream.put("a/b", "1", &image);
    let lab = Lab::new(&upstream).await;
    let layer = known(&harness::Digest::of(&image.layers[0]));
    let Ok(Fetch::Begun(mut writer)) = lab.store.fetch(layer).await else {
        panic!("nobody else fetches it");
    };
    let client = async {
        // The job has fetched the configuration, and nothing else is left to it.
        while lab.told() < image.config.len() as u64 {
            tokio::task::yield_now().await;
        }
        writer.append(image.layers[0].clone()).await.unwrap();
        writer
            .commit(&"upstream/other".parse().unwrap())
            .await
            .unwrap();
    };
    let (outcome, ()) = tokio::join!(lab.run(lab.order([tagged("1")])), client);
    assert!(outcome.is_complete(), "{outcome:?}");
    let layer = layer.to_string();
    assert_eq!(upstream.count(|asked| is_for_blob(asked, &layer)), 0);
    assert!(lab.whole("upstream/a/b", "1").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_a_client_gave_up_is_taken_over() {
    let upstream = Upstream::start();
    let image = image("1");
    upstream.put("a/b", "1", &image);
    let lab = Lab::new(&upstream).await;
    let layer = known(&harness::Digest::of(&image.layers[0]));
    let Ok(Fetch::Begun(mut writer)) = lab.store.fetch(layer).await else {
        panic!("nobody else fetches it");
    };
    writer.append(image.layers[0].slice(..5)).await.unwrap();
    let client = async {
        while lab.told() < image.config.len() as u64 {
            tokio::task::yield_now().await;
        }
        drop(writer);
    };
    let (outcome, ()) = tokio::join!(lab.run(lab.order([tagged("1")])), client);
    assert!(outcome.is_complete(), "{outcome:?}");
    let layer = layer.to_string();
    let asked = upstream.asked().into_iter();
    let ranges: Vec<_> = asked
        .filter(|asked| is_for_blob(asked, &layer))
        .map(|asked| asked.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, [Some("bytes=5-".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_several_tags_name_is_read_for_each_and_its_children_once() {
    let upstream = Upstream::start();
    let children = ["x", "y"].map(image);
    let entries: Vec<_> = children
        .iter()
        .map(|child| (&child.manifest, ("linux", "amd64")))
        .collect();
    let list = harness::index_of(Format::Oci, &entries);
    for child in &children {
        upstream.put("a/b", child.digest().as_str(), child);
    }
    for tag in ["1", "1.2", "latest"] {
        upstream.put_manifest("a/b", tag, &list);
    }
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([Selection::All])).await;
    assert_eq!(outcome.totals.copied, 3, "{outcome:?}");
    for child in &children {
        let digest = child.digest();
        let is_it = |asked: &harness::upstream::Asked| matches!(asked.subject(), Subject::Manifest(_, it) if it == digest.as_str());
        assert_eq!(upstream.count(is_it), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_layer_is_left_where_it_is() {
    let upstream = Upstream::start();
    let image = image("1");
    let mut document = image.manifest.json();
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": harness::Digest::of(b"elsewhere").as_str(),
        "size": 9,
        "urls": ["http://169.254.169.254/layer"],
    });
    document["layers"].as_array_mut().unwrap().push(foreign);
    let manifest = Manifest::of(&image.manifest.media_type, &document);
    upstream.put("a/b", "0", &image);
    upstream.put_manifest("a/b", "1", &manifest);
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let again = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(again.totals.unchanged, 1);
    let blobs: HashSet<_> = upstream
        .asked()
        .iter()
        .filter_map(|asked| match asked.subject() {
            Subject::Blob(_, digest) => Some(digest.to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(blobs.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_asked_for_many_things_side_by_side() {
    let upstream = Upstream::start();
    for n in 0..30 {
        upstream.put("a/b", &format!("1.{n}"), &image(&format!("image {n}")));
    }
    let lab = Lab::new(&upstream).await;
    let gate = Gate::new();
    let held = gate.clone();
    upstream.when(move |asked| {
        let is_manifest = matches!(asked.subject(), Subject::Manifest(..));
        is_manifest.then(|| Fault::Hold(At::Start, held.clone()))
    });
    let several = async {
        // None of them is answered before as many are asked for.
        let asked = async {
            while upstream.connections() < 6 {
                tokio::task::yield_now().await;
            }
        };
        let asked = timeout(Duration::from_secs(30), asked).await;
        asked.expect("several are asked for");
        gate.open();
    };
    let (outcome, ()) = tokio::join!(lab.run(lab.order([matching("1.*")])), several);
    assert_eq!(outcome.totals.copied, 30, "{outcome:?}");
}
