//! Manifests: their bytes are what counts, whatever the header of an answer says.

use harness::{Fault, Reply, Upstream};
use roadstead_mirror::{Error, Patience, Retry, Side};
use roadstead_storage::oci::{MediaType, Reference, RepoName};

use crate::lab::{by, client, image, known, manifest, named, repo, tag, told};

#[tokio::test]
async fn a_manifest_is_read_by_tag_and_by_digest() {
    let (upstream, image) = (Upstream::start(), image("one"));
    upstream.put("a/b", "latest", &image);
    let client = client(&upstream);
    let digest = known(&image.digest());
    for reference in [tag("latest"), Reference::Digest(digest)] {
        let fetched = by(&client, &reference);
        let fetched = fetched.await.unwrap();
        assert_eq!(fetched.digest, digest);
        assert_eq!(fetched.manifest.bytes(), &image.manifest.bytes);
        let told = client
            .manifest_digest(&repo(), &reference, Patience::Request)
            .await;
        assert_eq!(told.unwrap(), Some(digest));
    }
    assert!(upstream.connections() < upstream.asked().len());
}

#[tokio::test]
async fn every_request_asks_for_all_types_and_for_bytes_as_they_are() {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    let client = client(&upstream);
    let read = manifest(&client, "latest");
    read.await.unwrap();
    let asked = &upstream.asked()[0];
    let accept = asked.header("accept").unwrap();
    for media_type in [
        MediaType::OCI_MANIFEST,
        MediaType::OCI_INDEX,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_LIST,
    ] {
        assert!(accept.contains(media_type.as_str()), "{accept}");
    }
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn a_digest_in_a_header_is_not_believed() {
    let (upstream, one, two) = (Upstream::start(), image("one"), image("two"));
    upstream.put("a/b", "latest", &one);
    let lie = two.digest().as_str().to_owned();
    upstream.always(Fault::Set("docker-content-digest", lie));
    let digest = known(&one.digest());
    for reference in [tag("latest"), Reference::Digest(digest)] {
        let client = client(&upstream);
        let fetched = by(&client, &reference);
        assert_eq!(fetched.await.unwrap().digest, digest);
    }
}

#[tokio::test]
async fn other_content_than_the_digest_names_is_refused() {
    let (upstream, one, two) = (Upstream::start(), image("one"), image("two"));
    upstream.put_manifest("a/b", one.digest().as_str(), &two.manifest);
    let wanted = Reference::Digest(known(&one.digest()));
    let client = client(&upstream);
    let refused = by(&client, &wanted).await;
    let error = refused.unwrap_err();
    let came = known(&two.digest());
    assert!(matches!(error, Error::DigestMismatch { actual, .. } if actual == came));
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::Now));
}

#[tokio::test]
async fn a_byte_that_was_mangled_once_is_asked_for_again() {
    let (upstream, image) = (Upstream::start(), image("one"));
    upstream.put("a/b", "latest", &image);
    upstream.once(|_| true, Fault::Flipped(40));
    let wanted = Reference::Digest(known(&image.digest()));
    let client = client(&upstream);
    let fetched = by(&client, &wanted).await;
    assert_eq!(fetched.unwrap().manifest.bytes(), &image.manifest.bytes);
    assert_eq!(upstream.asked().len(), 2);
}

#[tokio::test]
async fn a_digest_that_is_not_said_is_nothing() {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    upstream.always(Fault::Without("docker-content-digest"));
    let client = client(&upstream);
    let told = named(&client, "latest");
    assert_eq!(told.await.unwrap(), None);
}

#[tokio::test]
async fn a_manifest_of_no_useful_type_is_what_it_says_of_itself() {
    let (upstream, image) = (Upstream::start(), image("one"));
    upstream.put("a/b", "latest", &image);
    for content_type in ["text/plain; charset=utf-8", "application/octet-stream"] {
        upstream.always(Fault::Set("content-type", content_type.to_owned()));
        let client = client(&upstream);
        let fetched = manifest(&client, "latest");
        let manifest = fetched.await.unwrap().manifest;
        assert_eq!(*manifest.media_type(), MediaType::OCI_MANIFEST);
    }
}

#[tokio::test]
async fn what_is_no_manifest_is_refused_and_not_asked_for_again() {
    let upstream = Upstream::start();
    upstream.always(Fault::Instead(
        Reply::new(200)
            .header("content-type", "text/html")
            .body("<html>Please log in to this network</html>"),
    ));
    let client = client(&upstream);
    let refused = manifest(&client, "latest");
    let error = refused.await.unwrap_err();
    assert!(matches!(error, Error::Manifest { .. }), "{error:?}");
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::No));
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test]
async fn a_manifest_that_a_proxy_compressed_is_read_as_it_was() {
    let (upstream, image) = (Upstream::start(), image("one"));
    upstream.put("a/b", "latest", &image);
    upstream.always(Fault::Gzip);
    let wanted = Reference::Digest(known(&image.digest()));
    let client = client(&upstream);
    let fetched = by(&client, &wanted).await;
    assert_eq!(fetched.unwrap().manifest.bytes(), &image.manifest.bytes);
}

#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let upstream = Upstream::start();
    let zeros = Reply::new(200).body(vec![0; 16 << 20]);
    upstream.when(move |_| [Fault::Instead(zeros.clone()), Fault::Gzip]);
    is_too_large(&upstream).await;
    assert!(upstream.sent() < 1 << 20);
}

#[tokio::test]
async fn a_manifest_without_an_end_is_not_read_on() {
    let upstream = Upstream::start();
    upstream.put("a/b", "latest", &image("one"));
    upstream.always(Fault::EndlessBody);
    is_too_large(&upstream).await;
}

/// One that is too large once is too large again.
async fn is_too_large(upstream: &Upstream) {
    let client = client(upstream);
    let refused = manifest(&client, "latest");
    let error = refused.await.unwrap_err();
    assert!(
        told(&error).ends_with("larger than 4194304 bytes"),
        "{error:?}"
    );
    assert_eq!((error.side(), error.retry()), (Side::Upstream, Retry::No));
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_once() {
    let upstream = Upstream::start();
    let client = client(&upstream);
    let refused = manifest(&client, "latest");
    let error = refused.await.unwrap_err();
    assert!(error.is_not_found() && !error.is_outage(), "{error:?}");
    assert_eq!((error.side(), error.retry()), (Side::Us, Retry::No));
    assert_eq!(upstream.asked().len(), 1);
}

#[test]
fn nothing_that_could_end_a_line_is_a_name() {
    for text in [
        "a\r\nx: y",
        "a b",
        "a?x",
        "a#x",
        "a%0d%0a",
        "../a",
        "a/\u{e9}",
    ] {
        assert!(text.parse::<RepoName>().is_err(), "{text:?}");
        assert!(text.parse::<Reference>().is_err(), "{text:?}");
    }
}
