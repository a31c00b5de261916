//! What goes first: what nobody asked for for longest, and nothing in vain.

use std::time::Duration;

use roadstead_storage::oci::Reference;
use roadstead_storage::{Origin, Trimmed};

use crate::common::{files_below, repo};
use crate::lab::{HOUR, Lab};

#[tokio::test]
async fn what_was_not_used_for_longest_goes_when_the_store_is_nearly_full() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    let old = lab.bring("old", &["1", "latest"], &[1], pulled).await;
    let used = lab.bring("used", &["1"], &[2], pulled).await;
    lab.bring("new", &["1"], &[3], pulled).await;
    lab.later(24 * HOUR);
    assert_eq!(lab.trim().await, Trimmed::default());
    lab.pull("used", used).await;
    lab.bring("newest", &["1"], &[4], Origin::Pushed).await;
    lab.later(2 * HOUR);

    let before = lab.used().await;
    let trimmed = lab.trim().await;
    assert_eq!((trimmed.manifests, trimmed.tags), (1, 2));
    assert_eq!(trimmed.blobs, 2);
    assert_eq!(lab.used().await, before - trimmed.bytes);
    assert!(trimmed.is_enough());
    assert_eq!(lab.manifests("old").await, 0);
    assert_eq!(lab.tags("old").await, [] as [&str; 0]);
    assert!(!lab.has("old", 1).await);
    for (name, byte) in [("used", 2), ("new", 3), ("newest", 4)] {
        assert_eq!(lab.manifests(name).await, 1, "{name}");
        assert!(lab.has(name, byte).await, "{name}");
    }
    // The disk has its bytes back now, and not one grace later.
    assert_eq!(files_below(&lab.it.root().join("trash")), [] as [&str; 0]);
    // And it can come again.
    let again = lab.bring("old", &["1"], &[1], pulled).await;
    assert_eq!(again, old);
}

#[tokio::test]
async fn a_use_is_noted_once_an_hour_and_only_of_what_was_pulled_through() {
    let lab = Lab::new().await;
    let pulled = lab.bring("a", &[], &[1], Origin::PulledThrough).await;
    let pushed = lab.bring("b", &[], &[1], Origin::Pushed).await;
    let came = lab.noted("b", pushed);
    lab.later(2 * HOUR);
    lab.pull("a", pulled).await;
    let first = lab.noted("a", pulled);
    lab.later(HOUR / 2);
    for (name, digest) in [("a", pulled), ("b", pushed)] {
        let reference = Reference::Digest(digest);
        let found = lab
            .store()
            .repo(&repo(name))
            .manifest_record(&reference)
            .await;
        assert!(found.expect("reads").is_some());
    }
    lab.later(HOUR);
    // Whatever had been noted for the requests before would have been by now.
    lab.pull("a", pulled).await;
    assert!(lab.noted("a", pulled) >= first + Duration::from_secs(HOUR));
    assert_eq!(lab.noted("b", pushed), came);
}

#[tokio::test]
async fn a_layer_goes_with_the_last_image_that_needs_it() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    lab.bring("a", &["1"], &[1, 2], pulled).await;
    lab.later(HOUR);
    lab.bring("b", &["1"], &[1, 3], pulled).await;
    lab.later(HOUR);
    lab.bring("c", &["1"], &[4], Origin::Pushed).await;
    lab.later(24 * HOUR);
    assert_eq!(lab.trim().await.manifests, 1);
    assert_eq!((lab.manifests("a").await, lab.manifests("b").await), (0, 1));
    assert!(!lab.has("a", 2).await);
    assert!(lab.has("b", 1).await && lab.has("b", 3).await);
}

#[tokio::test]
async fn an_image_whose_layers_are_all_kept_by_others_stays_however_old_it_is() {
    let lab = Lab::new().await;
    let pulled = Origin::PulledThrough;
    lab.bring("shared", &["1"], &[1, 2], pulled).await;
    lab.bring("shared", &["mine"], &[1, 2, 3], Origin::Mirrored)
        .await;
    lab.later(HOUR);
    lab.bring("alone", &["1"], &[4], pulled).await;
    lab.later(24 * HOUR);
    assert_eq!(lab.trim().await.manifests, 1);
    assert_eq!(lab.tags("shared").await, ["1", "mine"]);
    assert_eq!(lab.manifests("alone").await, 0);
}
