//! Making room: for whom it is made, and that it may end anywhere.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use roadstead_storage::{Error, Fetch, Origin, Trimmed};

use crate::common::{repo, sha256};
use crate::lab::{HOUR, KIB, Lab, MAX_SIZE};

#[tokio::test]
async fn a_fetch_that_is_refused_asks_for_room_and_finds_it() {
    let lab = Lab::new().await;
    lab.bring("a", &["1"], &[1, 2], Origin::PulledThrough).await;
    lab.bring("b", &["1"], &[3], Origin::PulledThrough).await;
    lab.later(24 * HOUR);
    let wanted = vec![9; 40 * KIB];
    let Fetch::Begun(mut writer) = lab.store().fetch(sha256(&wanted)).await.expect("begins") else {
        panic!("nobody fetches it");
    };
    let refused = writer.reserve(wanted.len() as u64).await;
    assert!(
        matches!(refused, Err(Error::OverQuota { .. })),
        "{refused:?}"
    );
    let trimming = async {
        lab.store().until_tight().await;
        lab.trim().await
    };
    let (trimmed, ()) = tokio::join!(trimming, lab.store().until_trimmed());
    assert!(trimmed.is_enough(), "{trimmed:?}");
    writer
        .reserve(wanted.len() as u64)
        .await
        .expect("there is room");
    // It is kept for this fetch, whoever comes meanwhile.
    let other = lab.store().fetch(sha256(b"other")).await.expect("begins");
    let Fetch::Begun(mut other) = other else {
        panic!("nobody fetches it");
    };
    let left = MAX_SIZE as u64 - lab.used().await;
    assert!(other.reserve(left).await.is_err());
    writer.append(Bytes::from(wanted)).await.expect("is taken");
    writer.commit(&repo("c")).await.expect("is right");
    assert!(lab.used().await <= MAX_SIZE as u64);
}

#[tokio::test]
async fn no_room_is_made_for_what_would_take_most_of_it() {
    let lab = Lab::new().await;
    lab.bring("a", &["1"], &[1, 2, 3], Origin::PulledThrough)
        .await;
    lab.later(24 * HOUR);
    let Fetch::Begun(mut writer) = lab.store().fetch(sha256(b"huge")).await.expect("begins") else {
        panic!("nobody fetches it");
    };
    assert!(writer.reserve(60 * KIB as u64).await.is_err());
    assert_eq!(lab.trim().await, Trimmed::default());
}

#[tokio::test]
async fn a_trim_stops_when_asked_and_the_next_one_goes_on() {
    let lab = Lab::new().await;
    lab.bring("a", &["1"], &[1, 2, 3, 4], Origin::PulledThrough)
        .await;
    lab.later(24 * HOUR);
    let stop = Arc::new(AtomicBool::new(true));
    let stopped = lab.store().trim(stop, |_| {}).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    assert_eq!(lab.manifests("a").await, 1);
    assert_eq!(lab.trim().await.manifests, 1);
}
