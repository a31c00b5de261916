//! The contract of fetches: one writer, many readers, and nobody ever reads wrong bytes to their end.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{Fixture, files_below, repo, sha256};
use roadstead_storage::oci::Digest;
use roadstead_storage::{Clock, Error, Fetch, FetchReader, FetchWriter, Limit, Store};
use tokio::task::JoinHandle;

const CONTENT: &[u8] = b"0123456789";

async fn begin(store: &Store, digest: Digest) -> FetchWriter {
    match store.fetch(digest).await.expect("begins") {
        Fetch::Begun(writer) => writer,
        other => panic!("nobody has it yet: {other:?}"),
    }
}

async fn join(store: &Store, digest: Digest) -> FetchReader {
    match store.fetch(digest).await.expect("joins") {
        Fetch::Joined(reader) => reader,
        other => panic!("somebody fetches it: {other:?}"),
    }
}

async fn append(writer: &mut FetchWriter, bytes: &'static [u8]) {
    writer
        .append(Bytes::from_static(bytes))
        .await
        .expect("takes bytes");
}

async fn read_all(mut reader: FetchReader) -> Result<Vec<u8>, Error> {
    let mut read = Vec::new();
    loop {
        let bytes = reader.read(read.len() as u64, 4).await?;
        if bytes.is_empty() {
            return Ok(read);
        }
        read.extend_from_slice(&bytes);
    }
}

async fn blob(store: &Store, name: &str, digest: Digest) -> Option<Bytes> {
    let blob = store.repo(&repo(name)).blob(digest).await.expect("reads")?;
    Some(blob.read(0, usize::MAX).await.expect("reads"))
}

fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::runtime::Handle::current().spawn(work)
}

fn left_behind(it: &Fixture) -> Vec<String> {
    let fetches = it.root().join("fetches");
    if fetches.exists() {
        files_below(&fetches)
    } else {
        Vec::new()
    }
}

#[tokio::test]
async fn a_fetch_becomes_a_blob_of_its_repository_and_leaves_nothing() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, CONTENT).await;
    assert_eq!(writer.commit(&repo("a")).await.expect("commits"), 10);
    assert_eq!(blob(&it.store, "a", digest).await.as_deref(), Some(CONTENT));
    assert_eq!(blob(&it.store, "b", digest).await, None);
    let again = it.store.fetch(digest).await.expect("looks");
    assert!(matches!(again, Fetch::Held), "{again:?}");
    assert_eq!(left_behind(&it), [""; 0]);
}

#[tokio::test]
async fn readers_read_what_has_come_and_wait_for_the_rest() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"0123").await;
    let mut early = join(&it.store, digest).await;
    assert_eq!(early.read(0, 100).await.expect("reads"), "012");
    assert_eq!(early.read(1, 1).await.expect("reads"), "1");

    let rest = beside(read_all(early.clone()));
    let far = beside(async move { early.read(9, 5).await });
    append(&mut writer, b"456789").await;
    let mut late = join(&it.store, digest).await;
    writer.announce(10);
    assert_eq!(late.size().await.expect("is known"), 10);
    assert_eq!(late.read(4, 100).await.expect("reads"), "45678");
    assert!(!far.is_finished());

    writer.commit(&repo("a")).await.expect("commits");
    late.done().await.expect("is done");
    assert_eq!(rest.await.expect("ends").expect("reads"), CONTENT);
    assert_eq!(far.await.expect("ends").expect("reads"), "9");
    assert_eq!(read_all(late.clone()).await.expect("reads"), CONTENT);
    assert_eq!(late.read(10, 1).await.expect("reads"), "");
}

#[tokio::test]
async fn an_empty_blob_is_read_to_its_end() {
    let it = Fixture::new().await;
    let writer = begin(&it.store, sha256(b"")).await;
    let mut reader = writer.reader();
    writer.commit(&repo("a")).await.expect("commits");
    assert_eq!(reader.size().await.expect("is known"), 0);
    assert_eq!(read_all(reader).await.expect("reads"), b"");
}

#[tokio::test]
async fn wrong_bytes_are_never_read_to_their_end_nor_kept() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    let reader = writer.reader();
    append(&mut writer, b"012345678X").await;
    let reading = beside(read_all(reader));
    let refused = writer.commit(&repo("a")).await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );
    let read = reading.await.expect("ends");
    assert!(matches!(read, Err(Error::FetchedOther)), "{read:?}");
    assert_eq!(blob(&it.store, "a", digest).await, None);
    assert_eq!(left_behind(&it), [""; 0]);
    assert_eq!(begin(&it.store, digest).await.offset(), 0);
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing() {
    let it = Fixture::new().await;
    let mut writer = begin(&it.store, sha256(CONTENT)).await;
    append(&mut writer, CONTENT).await;
    let reader = writer.reader();
    writer.discard().await;
    let read = read_all(reader).await;
    assert!(matches!(read, Err(Error::FetchedOther)), "{read:?}");
    assert_eq!(left_behind(&it), [""; 0]);
}

#[tokio::test]
async fn the_end_of_its_writer_is_told_to_readers_and_the_next_one_goes_on() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"01234").await;
    let mut reader = writer.reader();
    drop(writer);
    // What was there stays readable.
    assert_eq!(reader.read(0, 100).await.expect("reads"), "0123");
    let read = reader.read(4, 1).await;
    assert!(matches!(read, Err(Error::FetchInterrupted)), "{read:?}");
    assert!(matches!(reader.size().await, Err(Error::FetchInterrupted)));

    let mut writer = begin(&it.store, digest).await;
    assert_eq!(writer.offset(), 5);
    assert_eq!(writer.reader().read(0, 100).await.expect("reads"), "0123");
    append(&mut writer, b"56789").await;
    writer.commit(&repo("a")).await.expect("commits");
    assert_eq!(blob(&it.store, "a", digest).await.as_deref(), Some(CONTENT));
}

#[tokio::test]
async fn a_fetch_goes_on_after_the_process_was_killed() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"01234").await;
    drop(writer);
    let it = it.reopen().await;
    let mut writer = begin(&it.store, digest).await;
    assert_eq!(writer.offset(), 5);
    append(&mut writer, b"56789").await;
    writer.commit(&repo("a")).await.expect("commits");
    assert_eq!(blob(&it.store, "a", digest).await.as_deref(), Some(CONTENT));
}

#[tokio::test]
async fn bytes_that_a_power_cut_has_garbled_are_found_out_in_the_end() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"01234").await;
    drop(writer);
    let data = it
        .root()
        .join("fetches/sha256")
        .join(digest.hex())
        .join("data");
    std::fs::write(&data, [0; 5]).expect("writes");
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"56789").await;
    let refused = writer.commit(&repo("a")).await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );
    assert_eq!(begin(&it.store, digest).await.offset(), 0);
}

#[tokio::test]
async fn a_dropped_step_ends_the_fetch_and_takes_no_byte_twice() {
    let it = Fixture::new().await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"01234").await;
    let mut reader = writer.reader();
    let dropped = tokio::time::timeout(Duration::ZERO, writer.append(Bytes::from_static(b"56789")));
    let _ = dropped.await;
    drop(writer);
    // Its last step may still be under way; then it is told when that is done.
    let ended = reader.done().await;
    assert!(matches!(ended, Err(Error::FetchInterrupted)), "{ended:?}");
    let mut writer = begin(&it.store, digest).await;
    let rest =
        Bytes::from_static(CONTENT).slice(usize::try_from(writer.offset()).expect("small")..);
    writer.append(rest).await.expect("takes bytes");
    writer.commit(&repo("a")).await.expect("commits");
}

#[tokio::test]
async fn a_fetch_that_is_too_large_ends_and_what_it_took_is_free_again() {
    let it = Fixture::with(|config| config.max_size = Some(8)).await;
    let digest = sha256(CONTENT);
    let mut writer = begin(&it.store, digest).await;
    append(&mut writer, b"01234").await;
    let refused = writer.append(Bytes::from_static(b"56789")).await;
    let limit = Limit::MaxSize {
        used: 5,
        max_size: 8,
    };
    assert!(
        matches!(refused, Err(Error::OverQuota { limit: said }) if said == limit),
        "{refused:?}"
    );
    writer.discard().await;
    assert_eq!(it.store.usage().await.expect("counts").used, Some(0));
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_collected_after_a_day() {
    let ahead = Arc::new(AtomicU64::new(0));
    let shift = Arc::clone(&ahead);
    let it = Fixture::with(|config| {
        config.clock = Clock::from_fn(move || {
            SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed))
        });
    })
    .await;
    let mut left = begin(&it.store, sha256(CONTENT)).await;
    append(&mut left, b"01234").await;
    drop(left);
    let mut active = begin(&it.store, sha256(b"other")).await;
    append(&mut active, b"oth").await;

    let collect = || it.store.collect(false, Arc::default(), |_| {});
    assert_eq!(collect().await.expect("collects").fetches, 0);
    ahead.store(25 * 60 * 60, Ordering::Relaxed);
    assert_eq!(collect().await.expect("collects").fetches, 1);
    assert_eq!(left_behind(&it).len(), 1);
    append(&mut active, b"er").await;
    active.commit(&repo("a")).await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_at_once_all_read_the_whole() {
    let it = Fixture::new().await;
    let content: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let digest = sha256(&content);
    let mut writer = begin(&it.store, digest).await;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut reader = join(&it.store, digest).await;
        readers.spawn(async move {
            let mut read = Vec::new();
            loop {
                let bytes = reader.read(read.len() as u64, 65536).await.expect("reads");
                if bytes.is_empty() {
                    return sha256(&read);
                }
                read.extend_from_slice(&bytes);
            }
        });
    }
    for part in content.chunks(10_000) {
        writer
            .append(Bytes::copy_from_slice(part))
            .await
            .expect("takes bytes");
    }
    writer.commit(&repo("a")).await.expect("commits");
    let read = readers.join_all().await;
    assert_eq!(read, vec![digest; 50]);
}
