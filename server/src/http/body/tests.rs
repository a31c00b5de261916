//! Parts of real blobs, out of a store in a temporary directory.

use std::fs::OpenOptions;

use http_body_util::BodyExt as _;
use roadstead_storage::oci::{Algorithm, Digest, RepoName};
use roadstead_storage::{BlobReader, Config, Principal, Store};
use tempfile::TempDir;

use super::*;

/// Longer than two of the largest pieces, and not a multiple of anything.
const LENGTH: u32 = 700_001;

fn content() -> Bytes {
    (0..LENGTH)
        .map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1])
        .collect()
}

async fn blob(content: &Bytes) -> (TempDir, BlobReader) {
    let dir = TempDir::new().expect("a directory");
    let store = Store::create_or_open(Config::new(dir.path()))
        .await
        .expect("a store");
    let repo: RepoName = "a".parse().expect("a name");
    let owner = Principal::new("test");
    let digest = Digest::of(Algorithm::Sha256, content);
    let id = store
        .begin_upload(&repo, &owner, Algorithm::Sha256)
        .await
        .expect("an upload");
    let mut upload = store.upload(&repo, id, &owner).await.expect("the same");
    upload.append(content.clone()).await.expect("room");
    upload.commit(digest).await.expect("its digest");
    let reader = store
        .repo(&repo)
        .blob(digest)
        .await
        .expect("a disk")
        .expect("the blob");
    (dir, reader)
}

fn span(start: u64, len: u64) -> Span {
    Span { start, len }
}

#[tokio::test]
async fn a_part_is_delivered_exactly_in_several_pieces() {
    let content = content();
    let (_dir, reader) = blob(&content).await;
    for (start, len) in [(0, u64::from(LENGTH)), (1, 1), (300_000, 400_001)] {
        let body = Body::part(
            Reader::Held(reader.clone()),
            span(start, len),
            &Budget::new(),
        );
        assert_eq!(body.size_hint().exact(), Some(len));
        let bytes = body.collect().await.expect("a disk").to_bytes();
        let start = usize::try_from(start).expect("small");
        assert_eq!(bytes, content[start..start + bytes.len()]);
        assert_eq!(bytes.len() as u64, len);
    }
}

#[tokio::test]
async fn several_parts_come_in_the_order_asked_each_after_its_head() {
    let content = content();
    let (_dir, reader) = blob(&content).await;
    let parts = [
        ("<1>".into(), span(500_000, 3)),
        ("<2>".into(), span(0, 300_000)),
    ];
    let body = Body::parts(Reader::Held(reader), parts, "<end>".into(), &Budget::new());
    assert_eq!(body.size_hint().exact(), Some(3 + 3 + 3 + 300_000 + 5));
    let bytes = body.collect().await.expect("a disk").to_bytes();
    let expected = [
        b"<1>",
        &content[500_000..500_003],
        b"<2>",
        &content[..300_000],
        b"<end>",
    ];
    assert_eq!(bytes, expected.concat());
}

#[tokio::test]
async fn a_blob_that_was_cut_on_disk_breaks_the_answer_instead_of_ending_it() {
    let (dir, reader) = blob(&content()).await;
    let digest = reader.digest();
    let hex = digest.hex();
    let path = dir.path().join(format!("blobs/sha256/{}/{hex}", &hex[..2]));
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .expect("the blob's file");
    file.set_len(300_000).expect("a disk");
    let body = Body::part(
        Reader::Held(reader),
        span(0, u64::from(LENGTH)),
        &Budget::new(),
    );
    body.collect().await.expect_err("the end is gone");
}
