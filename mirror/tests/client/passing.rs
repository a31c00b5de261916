//! Blobs that go past the store: whole or cut off, never wrong.

use harness::{At, Fault, Noise, Upstream};
use roadstead_mirror::{Client, Error, Passing};
use roadstead_storage::Error as StoreError;

use crate::lab::{SHORT, at, client, known, repo};

const LENGTH: u64 = 1_000_000;

/// An upstream that has this blob.
fn upstream(noise: Noise) -> (Upstream, harness::Digest) {
    let upstream = Upstream::start();
    let digest = upstream.put_blob("a/b", noise);
    (upstream, digest)
}

async fn open(upstream: &Upstream, digest: &harness::Digest, size: Option<u64>) -> Passing {
    let passing = Passing::open(client(upstream), repo(), known(digest), size).await;
    passing.unwrap()
}

/// Reads to the end, or to what keeps it from coming.
async fn read(passing: &mut Passing) -> (Vec<u8>, Option<Error>) {
    let mut read = Vec::new();
    loop {
        match passing.next().await {
            Ok(Some(bytes)) => read.extend_from_slice(&bytes),
            Ok(None) => return (read, None),
            Err(error) => return (read, Some(error)),
        }
    }
}

/// Insists that all of the blob comes, whatever goes wrong once.
#[track_caller]
fn check_whole(found: (Vec<u8>, Option<Error>)) {
    let (bytes, error) = found;
    assert!(error.is_none(), "{error:?}");
    assert!(bytes == Noise::new(1, LENGTH).bytes());
}

#[tokio::test]
async fn all_of_it_comes_and_then_nothing_more() {
    let (upstream, digest) = upstream(Noise::new(1, LENGTH));
    for size in [None, Some(LENGTH)] {
        let mut passing = open(&upstream, &digest, size).await;
        assert_eq!(passing.digest(), known(&digest));
        assert_eq!(passing.size(), Some(LENGTH));
        check_whole(read(&mut passing).await);
        assert_eq!(passing.next().await.unwrap(), None);
    }
    assert_eq!(upstream.asked().len(), 2);
}

#[tokio::test]
async fn an_empty_blob_is_whole_at_once() {
    let (upstream, digest) = upstream(Noise::new(1, 0));
    let mut passing = open(&upstream, &digest, Some(0)).await;
    assert_eq!(read(&mut passing).await.0, b"");
}

#[tokio::test]
async fn one_whose_size_nobody_says_comes_too() {
    let (upstream, digest) = upstream(Noise::new(1, LENGTH));
    upstream.always(Fault::Chunked);
    let mut passing = open(&upstream, &digest, None).await;
    assert_eq!(passing.size(), None);
    check_whole(read(&mut passing).await);
}

#[tokio::test]
async fn what_breaks_off_goes_on_where_it_was() {
    let (upstream, digest) = upstream(Noise::new(1, LENGTH));
    for fault in [
        Fault::Reset(At::Byte(LENGTH / 2)),
        Fault::Cut(At::Byte(LENGTH - 1)),
        Fault::Cut(At::Byte(1)),
    ] {
        upstream.once(|_| true, fault);
        let mut passing = open(&upstream, &digest, Some(LENGTH)).await;
        check_whole(read(&mut passing).await);
    }
    let begun_anew = |asked: &harness::upstream::Asked| asked.header("range").is_none();
    assert_eq!(upstream.count(begun_anew), 3);
    assert_eq!(upstream.asked().len(), 6);
}

#[tokio::test]
async fn a_wrong_byte_is_never_read_to_its_end() {
    let (upstream, digest) = upstream(Noise::new(1, LENGTH));
    upstream.always(Fault::Flipped(10));
    for size in [None, Some(LENGTH)] {
        let mut passing = open(&upstream, &digest, size).await;
        let (bytes, error) = read(&mut passing).await;
        let error = error.unwrap();
        assert!(
            matches!(error, Error::Store(StoreError::FetchedOther)),
            "{error:?}"
        );
        assert!((bytes.len() as u64) < LENGTH);
    }
}

#[tokio::test]
async fn another_size_than_a_manifest_says_is_refused() {
    let (upstream, digest) = upstream(Noise::new(1, LENGTH));
    for size in [LENGTH - 1, LENGTH + 1] {
        let opened = Passing::open(client(&upstream), repo(), known(&digest), Some(size));
        let refused = opened.await.unwrap_err();
        assert!(matches!(refused, Error::Malformed { .. }), "{refused:?}");
    }
    upstream.always(Fault::Chunked);
    let mut passing = open(&upstream, &digest, Some(LENGTH - 1)).await;
    let (bytes, error) = read(&mut passing).await;
    let error = error.unwrap();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert!((bytes.len() as u64) < LENGTH);
}

#[tokio::test]
async fn an_upstream_that_says_nothing_any_more_is_given_up() {
    let (upstream, digest) = upstream(Noise::new(1, LENGTH));
    upstream.when(|asked| {
        let is_first = asked.header("range").is_none();
        Some(Fault::stall(if is_first {
            At::Byte(LENGTH / 2)
        } else {
            At::Start
        }))
    });
    let client = Client::new(&roadstead_mirror::Upstream {
        timeouts: SHORT,
        ..at([&upstream.url()])
    });
    let mut passing = Passing::open(client, repo(), known(&digest), Some(LENGTH))
        .await
        .unwrap();
    let (bytes, error) = read(&mut passing).await;
    assert!(matches!(error, Some(Error::Transfer { .. })), "{error:?}");
    assert!((bytes.len() as u64) < LENGTH);
}
