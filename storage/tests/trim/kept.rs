//! What stays: what somebody brought on purpose, what belongs to it, and what is in use.

use roadstead_storage::oci::Digest;
use roadstead_storage::{Error, ImmutableTags, Origin};

use crate::common::{files_below, image, push_blob, repo, sha256, try_put};
use crate::lab::{HOUR, KIB, LAYER, Lab, index, layer, subject};

#[tokio::test]
async fn what_was_pushed_or_mirrored_stays_and_pushes_go_on_being_refused() {
    let lab = Lab::new().await;
    lab.bring("pushed", &["1"], &[1], Origin::Pushed).await;
    lab.bring("mirrored", &["1"], &[2], Origin::Mirrored).await;
    // Nothing keeps it but its tag.
    lab.bring("tagged", &["1"], &[3], Origin::PulledThrough)
        .await;
    let tagged = image(b"", &[&layer(3)], "");
    lab.put("tagged", &["2"], &tagged, Origin::Mirrored).await;
    lab.bring("untagged", &[], &[4], Origin::Mirrored).await;
    lab.later(24 * HOUR);

    let before = files_below(&lab.it.root());
    let manifest = image(
        &vec![5; 5 * KIB],
        &[],
        &format!(r#","x":"{}""#, "x".repeat(5 * KIB)),
    );
    for _ in 0..2 {
        let refused = try_put(lab.store(), &repo("e"), &manifest, &["v"]).await;
        assert!(
            matches!(refused, Err(Error::OverQuota { .. })),
            "{refused:?}"
        );
        let trimmed = lab.trim().await;
        assert_eq!((trimmed.manifests, trimmed.blobs), (0, 0));
        assert!(!trimmed.is_enough());
    }
    assert_eq!(files_below(&lab.it.root()), before);
}

#[tokio::test]
async fn an_immutable_tag_stays() {
    let lab = Lab::with(|config| {
        config.immutable_tags = ImmutableTags::parse(["a:v*"]).expect("valid");
    })
    .await;
    lab.bring("a", &["v1"], &[1, 2], Origin::PulledThrough)
        .await;
    lab.bring("a", &["w1"], &[3, 4], Origin::PulledThrough)
        .await;
    lab.later(24 * HOUR);
    assert_eq!(lab.trim().await.manifests, 1);
    assert_eq!(lab.tags("a").await, ["v1"]);
}

#[tokio::test]
async fn an_index_goes_with_its_children_and_stays_with_them() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    let old = lab.bring("a", &[], &[1], pulled).await;
    lab.put("a", &["old"], &index(&[old], ""), pulled).await;
    let kept = lab.bring("a", &[], &[2], pulled).await;
    lab.put("a", &["kept"], &index(&[kept], ""), Origin::Mirrored)
        .await;
    // Its child is of no age, but in use with it.
    let used = lab.bring("b", &[], &[3], pulled).await;
    let list = lab.put("b", &["used"], &index(&[used], ""), pulled).await;
    lab.bring("c", &[], &[4], Origin::Pushed).await;
    lab.later(24 * HOUR);
    lab.pull("b", list).await;

    let trimmed = lab.trim().await;
    assert_eq!((trimmed.manifests, trimmed.tags), (2, 1));
    assert_eq!(lab.tags("a").await, ["kept"]);
    assert!(lab.has("a", 2).await && lab.has("b", 3).await);
    assert_eq!((lab.manifests("a").await, lab.manifests("b").await), (2, 2));
}

#[tokio::test]
async fn a_referrer_goes_with_its_subject_and_a_pushed_one_keeps_it() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    let going = lab.bring("a", &["1"], &[1], pulled).await;
    lab.put("a", &[], &image(b"", &[], &subject(going)), pulled)
        .await;
    let signed = lab.bring("b", &["1"], &[2], pulled).await;
    let signature = image(b"", &[], &subject(signed));
    lab.put("b", &[], &signature, Origin::Pushed).await;
    lab.bring("c", &[], &[3, 4], Origin::Pushed).await;
    lab.later(24 * HOUR);

    assert_eq!(lab.trim().await.manifests, 2);
    assert_eq!(lab.referrers("a", going).await, 0);
    assert_eq!(lab.referrers("b", signed).await, 1);
    assert_eq!(
        files_below(&lab.it.root().join("repos/a/_referrers")),
        [] as [&str; 0]
    );
    assert!(lab.has("b", 2).await);
}

#[tokio::test]
async fn a_signature_by_tag_stays_and_goes_with_its_image() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    let sign = async |name: &str, of: Digest, byte: u8| {
        let payload = vec![byte; KIB];
        push_blob(lab.store(), &repo(name), &payload).await;
        let tag = format!("sha256-{}.sig", of.hex());
        let signature = image(b"", &[&payload], "");
        lab.put(name, &[tag.as_str()], &signature, pulled).await;
        lab.put(
            name,
            &[tag.trim_end_matches(".sig")],
            &index(&[], ""),
            pulled,
        )
        .await;
    };
    let used = lab.bring("used", &["1"], &[1], pulled).await;
    sign("used", used, 11).await;
    let going = lab.bring("going", &["1"], &[2], pulled).await;
    sign("going", going, 12).await;
    lab.bring("c", &[], &[3, 4], Origin::Pushed).await;
    lab.later(24 * HOUR);
    // Nobody asks for its signature, which is verified at the first pull alone.
    lab.pull("used", used).await;
    assert_eq!(lab.trim().await.manifests, 3);
    assert_eq!(
        (lab.manifests("used").await, lab.manifests("going").await),
        (3, 0)
    );
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    let asked_for = lab.bring("asked-for", &["1"], &[1], pulled).await;
    lab.bring("being-fetched", &["1"], &[2], pulled).await;
    let (held, wanted) = (layer(2), layer(9));
    let partly = image(b"", &[&held, &wanted], "");
    lab.put("being-fetched", &["2"], &partly, pulled).await;
    lab.bring("c", &[], &[3, 4], Origin::Pushed).await;
    let fetch = lab.store().fetch(sha256(&wanted)).await.expect("begins");
    lab.later(24 * HOUR);
    lab.pull("asked-for", asked_for).await;
    lab.later(HOUR / 2);

    assert_eq!(lab.trim().await.manifests, 0);
    drop(fetch);
    lab.later(HOUR);
    assert!(lab.trim().await.manifests > 0);
}

#[tokio::test]
async fn who_reads_a_blob_reads_it_to_its_end() {
    let lab = Lab::new().await;
    lab.bring("a", &["1"], &[1, 2, 3, 4], Origin::PulledThrough)
        .await;
    let blob = lab.store().repo(&repo("a")).blob(sha256(&layer(1))).await;
    let blob = blob.expect("reads").expect("is there");
    lab.later(24 * HOUR);
    assert_eq!(lab.trim().await.manifests, 1);
    let bytes = blob.read(0, LAYER).await.expect("reads");
    assert_eq!(bytes, layer(1));
}
