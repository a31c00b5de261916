//! Blobs: whole or from any byte on, and never a quiet end before the end.

use harness::{At, Fault, Noise, Upstream};
use roadstead_mirror::{Error, Retry, Side};
use roadstead_storage::oci::Digest;

use crate::lab::{blob, client, known, read, told};

const LENGTH: u64 = 300_000;

fn noise() -> Noise {
    Noise::new(7, LENGTH)
}

fn upstream() -> (Upstream, Digest) {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", noise()));
    (upstream, digest)
}

#[tokio::test]
async fn a_blob_is_read_whole() {
    let (upstream, digest) = upstream();
    let client = client(&upstream);
    let stream = blob(&client, digest, 0).await;
    let stream = stream.unwrap();
    assert_eq!(stream.size(), Some(LENGTH));
    let (bytes, error) = read(stream).await;
    assert!(error.is_none() && bytes == noise().bytes(), "{error:?}");
    assert_eq!(upstream.asked()[0].header("range"), None);
    assert_eq!(upstream.sent(), LENGTH);
}

#[tokio::test]
async fn a_blob_is_read_on_from_where_it_broke_off() {
    let (upstream, digest) = upstream();
    upstream.once(|_| true, Fault::Cut(At::Byte(100_000)));
    let client = client(&upstream);
    let stream = blob(&client, digest, 0).await;
    let (mut bytes, error) = read(stream.unwrap()).await;
    let error = error.unwrap();
    assert!(matches!(error, Error::Transfer { .. }), "{error:?}");
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::Now));
    assert_eq!(bytes.len(), 100_000);

    let from = bytes.len() as u64;
    let stream = blob(&client, digest, from).await;
    let stream = stream.unwrap();
    assert_eq!(stream.size(), Some(LENGTH));
    let (rest, error) = read(stream).await;
    bytes.extend(rest);
    assert!(error.is_none() && bytes == noise().bytes(), "{error:?}");
    assert_eq!(upstream.asked()[1].sent, LENGTH - from);
}

#[tokio::test]
async fn a_registry_without_ranges_is_read_past_what_is_here() {
    let (upstream, digest) = upstream();
    upstream.always(Fault::IgnoredRange);
    let client = client(&upstream);
    for from in [1, 65_536, LENGTH - 1, LENGTH] {
        let stream = blob(&client, digest, from).await;
        let stream = stream.unwrap();
        assert_eq!(stream.size(), Some(LENGTH));
        let (rest, error) = read(stream).await;
        let expected = noise().bytes().slice(usize::try_from(from).unwrap()..);
        assert!(error.is_none() && rest == expected, "{from}: {error:?}");
    }
}

#[tokio::test]
async fn an_end_before_what_is_here_already_is_a_failure() {
    let (upstream, digest) = upstream();
    upstream.always(Fault::IgnoredRange);
    let client = client(&upstream);
    let stream = blob(&client, digest, LENGTH + 1);
    let (rest, error) = read(stream.await.unwrap()).await;
    assert!(rest.is_empty());
    assert!(matches!(error, Some(Error::Malformed { .. })), "{error:?}");
}

#[tokio::test]
async fn where_nothing_lies_behind_what_is_here_the_whole_says_whether_that_is_all() {
    let (upstream, digest) = upstream();
    let client = client(&upstream);
    let all = blob(&client, digest, LENGTH).await.unwrap();
    let (rest, error) = read(all).await;
    assert!(rest.is_empty() && error.is_none(), "{error:?}");
    let more_than_all = blob(&client, digest, LENGTH + 1).await.unwrap();
    let (rest, error) = read(more_than_all).await;
    assert!(rest.is_empty());
    let error = error.expect("there is less");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::No);
}

#[tokio::test]
async fn another_range_than_was_asked_for_is_refused() {
    for range in [
        format!("bytes 0-{}/{LENGTH}", LENGTH - 1),
        format!("bytes 99-{}/{LENGTH}", LENGTH - 1),
        format!("bytes 100-{LENGTH}/{LENGTH}"),
        "bytes */300000".to_owned(),
        "pages 100-199/300000".to_owned(),
    ] {
        let (upstream, digest) = upstream();
        upstream.always(Fault::Set("content-range", range.clone()));
        let client = client(&upstream);
        let refused = blob(&client, digest, 100).await;
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::Malformed { .. }),
            "{range}: {error:?}"
        );
        assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::No));
    }
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_is_refused() {
    let (upstream, digest) = upstream();
    upstream.when(|_| {
        let range = "bytes 100-199/300000".to_owned();
        let part = harness::Reply::new(206).header("content-range", range);
        [Fault::Instead(part.body(vec![0; 100]))]
    });
    let client = client(&upstream);
    let refused = blob(&client, digest, 0).await;
    assert!(matches!(refused.unwrap_err(), Error::Malformed { .. }));
}

#[tokio::test]
async fn a_body_that_ends_early_never_ends_well() {
    let faults = [
        vec![Fault::Cut(At::Byte(100_000))],
        vec![Fault::Chunked, Fault::Cut(At::Byte(100_000))],
        vec![Fault::Reset(At::Byte(100_000))],
    ];
    for faults in faults {
        let (upstream, digest) = upstream();
        let ours = faults.clone();
        upstream.when(move |_| ours.clone());
        let client = client(&upstream);
        // A reset may overtake all that was sent before it.
        let error = match blob(&client, digest, 0).await {
            Ok(stream) => read(stream).await.1.unwrap(),
            Err(error) => error,
        };
        assert!(
            told(&error).contains("the connection broke"),
            "{faults:?} {error:?}"
        );
    }
}

#[tokio::test]
async fn a_length_that_is_not_said_is_not_made_up() {
    let (upstream, digest) = upstream();
    upstream.always(Fault::Chunked);
    let client = client(&upstream);
    let stream = blob(&client, digest, 0).await;
    let stream = stream.unwrap();
    assert_eq!(stream.size(), None);
    let (bytes, error) = read(stream).await;
    assert!(error.is_none() && bytes == noise().bytes(), "{error:?}");
}

#[tokio::test]
async fn what_stands_behind_the_length_is_not_of_the_blob() {
    let (upstream, digest) = upstream();
    upstream.always(Fault::Trailing(100));
    let client = client(&upstream);
    for _ in 0..2 {
        let stream = blob(&client, digest, 0).await;
        let (bytes, error) = read(stream.unwrap()).await;
        assert!(error.is_none() && bytes == noise().bytes(), "{error:?}");
    }
}

#[tokio::test]
async fn a_blob_that_is_longer_says_so() {
    let (upstream, digest) = upstream();
    upstream.always(Fault::Appended(5));
    let client = client(&upstream);
    let stream = blob(&client, digest, 0).await;
    assert_eq!(stream.unwrap().size(), Some(LENGTH + 5));
}
