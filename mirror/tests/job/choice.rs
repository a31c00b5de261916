//! What is chosen: tags by patterns and ranges, and of lists of images the platforms.

use harness::{Format, Image, Manifest, Platform, Upstream, index_of};
use roadstead_mirror::job::State;

use crate::lab::{Lab, image, known, matching, only, states, tagged};

fn with_tags(tags: &[&str]) -> Upstream {
    let upstream = Upstream::start();
    for tag in tags {
        upstream.put("a/b", tag, &image(tag));
    }
    upstream
}

/// A list of images for these platforms, under the tag `1`.
fn with_platforms(platforms: &[Platform<'_>]) -> (Upstream, Vec<Image>, Manifest) {
    let upstream = Upstream::start();
    let images: Vec<_> = platforms
        .iter()
        .map(|platform| Image::for_platform(Format::Oci, *platform, &[platform.1]))
        .collect();
    for image in &images {
        upstream.put("a/b", image.digest().as_str(), image);
    }
    let children: Vec<_> = images.iter().map(|image| &image.manifest).collect();
    let children: Vec<_> = children
        .into_iter()
        .zip(platforms.iter().copied())
        .collect();
    let list = index_of(Format::Oci, &children);
    upstream.put_manifest("a/b", "1", &list);
    (upstream, images, list)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_and_a_range_take_the_tags_that_they_select() {
    let upstream = with_tags(&[
        "1.19", "1.20", "v1.21.3", "1.22-rc1", "2.0", "edge", "edge-2",
    ]);
    let lab = Lab::new(&upstream).await;
    let outcome = lab
        .run(lab.order([matching(">=1.20 <2"), matching("edge*")]))
        .await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let tags = lab.tags("upstream/a/b").await;
    assert_eq!(tags, ["1.20", "edge", "edge-2", "v1.21.3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_two_wishes_select_is_one_image() {
    let upstream = with_tags(&["1.0", "1.1"]);
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([matching("1.*"), tagged("1.1")])).await;
    assert_eq!(outcome.totals.images, 2, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_selects_nothing_is_told() {
    let upstream = with_tags(&["1.0"]);
    let lab = Lab::new(&upstream).await;
    let outcome = lab.run(lab.order([matching(">=2")])).await;
    assert_eq!(states(&outcome), [("upstream/a/b:>=2", State::Failed)]);
    let because = outcome.images[0].because.as_deref();
    assert_eq!(because, Some("no tag of it is selected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_list_only_the_platforms_come_and_the_list_stays_as_it_is() {
    let (upstream, images, list) = with_platforms(&[("linux", "amd64"), ("linux", "arm64")]);
    let lab = Lab::new(&upstream).await;
    let wanted = || {
        let mut order = lab.order([tagged("1")]);
        order.platforms = only(&["linux/arm64"]);
        order
    };
    let outcome = lab.run(wanted()).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let here = lab.whole("upstream/a/b", "1").await;
    assert_eq!(here, Some(known(&list.digest())));
    let [amd, arm] = &images[..] else {
        panic!("two images")
    };
    let arm = arm.digest();
    assert!(lab.whole("upstream/a/b", arm.as_str()).await.is_some());
    let amd = amd.digest();
    assert!(lab.whole("upstream/a/b", amd.as_str()).await.is_none());
    let again = lab.run(wanted()).await;
    assert_eq!(again.totals.unchanged, 1, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_wanted_later_is_fetched_then() {
    let (upstream, images, _) = with_platforms(&[("linux", "amd64"), ("linux", "arm64")]);
    let lab = Lab::new(&upstream).await;
    let mut order = lab.order([tagged("1")]);
    order.platforms = only(&["linux/amd64"]);
    lab.run(order).await;
    let outcome = lab.run(lab.order([tagged("1")])).await;
    assert_eq!(states(&outcome), [("upstream/a/b:1", State::Changed)]);
    let arm = images[1].digest();
    assert!(lab.whole("upstream/a/b", arm.as_str()).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_any_of_the_platforms_is_told() {
    let (upstream, ..) = with_platforms(&[("linux", "amd64")]);
    let lab = Lab::new(&upstream).await;
    let mut order = lab.order([tagged("1")]);
    order.platforms = only(&["linux/s390x", "linux/ppc64le"]);
    let outcome = lab.run(order).await;
    let because = outcome.images[0].because.as_deref().unwrap_or_default();
    assert!(
        because.ends_with("runs on linux/s390x or linux/ppc64le"),
        "{because}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_within_lists_come_along_and_do_not_nest_without_end() {
    let (upstream, _, mut list) = with_platforms(&[("linux", "amd64")]);
    for depth in 0..8 {
        upstream.put_manifest("a/b", &format!("depth-{depth}"), &list);
        list = index_of(Format::Oci, &[(&list, ("linux", "amd64"))]);
    }
    let lab = Lab::new(&upstream).await;
    let outcome = lab
        .run(lab.order([tagged("depth-2"), tagged("depth-7")]))
        .await;
    let expected = [
        ("upstream/a/b:depth-2", State::New),
        ("upstream/a/b:depth-7", State::Failed),
    ];
    assert_eq!(states(&outcome), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_lead_to_ever_more_are_not_followed() {
    let upstream = Upstream::start();
    let leaf = image("leaf");
    upstream.put("a/b", leaf.digest().as_str(), &leaf);
    let mut level = vec![leaf.manifest];
    // Twenty lists on each level, each of which lists all of the level below.
    for depth in 0..4 {
        let children: Vec<_> = level.iter().map(|it| (it, ("linux", "amd64"))).collect();
        let list = index_of(Format::Oci, &children);
        let lists = (0..20).map(|n| {
            let annotation = serde_json::json!({ "n": format!("{depth} {n}") });
            list.with("annotations", annotation)
        });
        level = lists.collect();
        for list in &level {
            upstream.put_manifest("a/b", list.digest().as_str(), list);
        }
    }
    upstream.put_manifest("a/b", "1", &level[0]);
    let lab = Lab::new(&upstream).await;
    let report = lab.report(lab.order([tagged("1")])).await;
    let because = report.images[0].because.as_deref();
    assert_eq!(because, Some("it has more than 2000 manifests"));
    assert!(upstream.asked().len() < 100);
}
