//! The contract of uploads.

mod common;

use bytes::Bytes;
use common::{Fixture, alice, begin, edit_record, files_below, leave, repo, resume, sha256};
use roadstead_storage::oci::{Algorithm, Digest};
use roadstead_storage::{Config, Error, Principal, Store};

#[tokio::test]
async fn a_blob_comes_back_as_it_was_pushed_and_leaves_no_session() {
    let it = Fixture::new().await;
    let name = repo("a/b");
    for content in [vec![], vec![1; 3], vec![2; 3_000_000]] {
        let digest = common::push_blob(&it.store, &name, &content).await;
        let blob = it
            .store
            .repo(&name)
            .blob(digest)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(blob.size(), content.len() as u64);
        assert_eq!(blob.read(0, usize::MAX).await.expect("reads"), content);
    }
    assert!(files_below(&it.root().join("uploads")).is_empty());
    assert!(files_below(&it.root().join("tmp")).is_empty());
}

#[tokio::test]
async fn an_upload_goes_on_after_the_process_was_killed() {
    let mut it = Fixture::new().await;
    let name = repo("a");
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let id = begin(&it.store, &name).await;
    for part in content.chunks(70_001) {
        let mut upload = resume(&it.store, &name, id).await;
        let before = upload.offset();
        upload
            .append(Bytes::copy_from_slice(part))
            .await
            .expect("takes bytes");
        let reached = upload.suspend().await.expect("is kept");
        assert_eq!(reached, before + part.len() as u64);
        it = it.reopen().await;
    }
    let upload = resume(&it.store, &name, id).await;
    let size = upload.commit(sha256(&content)).await.expect("commits");
    assert_eq!(size, content.len() as u64);
}

#[tokio::test]
async fn bytes_that_came_before_the_client_was_lost_are_kept() {
    let it = Fixture::new().await;
    let name = repo("a");
    let id = begin(&it.store, &name).await;
    let mut upload = resume(&it.store, &name, id).await;
    upload
        .append(Bytes::from_static(b"hello "))
        .await
        .expect("takes bytes");
    drop(upload);
    let mut upload = resume(&it.store, &name, id).await;
    assert_eq!(upload.offset(), 6);
    upload
        .append(Bytes::from_static(b"world"))
        .await
        .expect("takes bytes");
    upload
        .commit(sha256(b"hello world"))
        .await
        .expect("commits");
}

#[tokio::test]
async fn after_a_power_cut_only_synced_bytes_are_believed() {
    let it = Fixture::new().await;
    let name = repo("a");
    let id = begin(&it.store, &name).await;
    let batch = Bytes::from(vec![7; 1024 * 1024]);
    let mut upload = resume(&it.store, &name, id).await;
    for _ in 0..65 {
        upload.append(batch.clone()).await.expect("takes bytes");
    }
    assert_eq!(upload.suspend().await.expect("is kept"), 65 << 20);
    // Another boot: what the kernel had not synced may be anything.
    let state = it.root().join("uploads").join(id.to_string()).join("state");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux says");
    let written = std::fs::read(&state).expect("a state");
    let rebooted = edit_record(&written, boot.trim(), "another boot");
    std::fs::write(&state, rebooted).expect("can be written");

    let mut upload = resume(&it.store, &name, id).await;
    assert_eq!(upload.offset(), 64 << 20);
    upload.append(batch).await.expect("takes bytes");
    upload
        .commit(sha256(&vec![7; 65 << 20]))
        .await
        .expect("commits");
}

#[tokio::test]
async fn commit_refuses_a_wrong_digest_and_keeps_nothing() {
    let it = Fixture::new().await;
    let name = repo("a");
    let id = begin(&it.store, &name).await;
    let mut upload = resume(&it.store, &name, id).await;
    upload
        .append(Bytes::from_static(b"x"))
        .await
        .expect("takes bytes");
    let refused = upload.commit(sha256(b"y")).await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );
    assert!(files_below(&it.root().join("uploads")).is_empty());
    assert!(files_below(&it.root().join("blobs")).is_empty());
    let gone = it.store.upload(&name, id, &alice()).await;
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
}

#[tokio::test]
async fn a_blob_that_comes_with_the_end_of_its_upload_is_the_same_as_one_that_came_before() {
    let it = Fixture::new().await;
    let name = repo("a");
    for (before, last) in [("", "all"), ("all", ""), ("be", "gun"), ("", "")] {
        let id = leave(&it.store, &name, before.as_bytes()).await;
        let content = [before, last].concat();
        let digest = sha256(content.as_bytes());
        let others = it
            .store
            .finish_upload(&repo("b"), id, &alice(), last.into(), digest)
            .await;
        assert!(matches!(others, Err(Error::UploadUnknown)), "{others:?}");
        let size = it
            .store
            .finish_upload(&name, id, &alice(), last.into(), digest)
            .await
            .expect("commits");
        assert_eq!(size, content.len() as u64);
        let blob = it.store.repo(&name).blob(digest).await.expect("reads");
        let blob = blob.expect("is there");
        assert_eq!(
            blob.read(0, usize::MAX).await.expect("reads"),
            content.as_bytes()
        );
    }
    assert!(files_below(&it.root().join("uploads")).is_empty());
}

#[tokio::test]
async fn a_blob_that_is_put_whole_is_served_and_a_wrong_one_leaves_nothing() {
    let it = Fixture::new().await;
    let there = it.store.repo(&repo("a"));
    let digest = Digest::of(Algorithm::Sha512, b"whole");
    let refused = there.put_blob(digest, "other".into()).await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );
    assert!(files_below(&it.root().join("blobs")).is_empty());
    for _ in 0..2 {
        there
            .put_blob(digest, "whole".into())
            .await
            .expect("is put");
    }
    let blob = there.blob(digest).await.expect("reads").expect("is there");
    assert_eq!(blob.read(0, usize::MAX).await.expect("reads"), "whole");
    let elsewhere = it.store.repo(&repo("b")).blob(digest).await.expect("reads");
    assert!(elsewhere.is_none(), "only its repository serves it");
    assert!(files_below(&it.root().join("tmp")).is_empty());
}

#[tokio::test]
async fn a_digest_of_the_other_algorithm_is_computed_at_the_end() {
    let it = Fixture::new().await;
    let name = repo("a");
    for (announced, closing) in [
        (Algorithm::Sha256, Algorithm::Sha512),
        (Algorithm::Sha512, Algorithm::Sha256),
    ] {
        let content = vec![3; 700_000];
        let id = it
            .store
            .begin_upload(&name, &alice(), announced)
            .await
            .expect("begins");
        let mut upload = resume(&it.store, &name, id).await;
        upload.append(content.clone()).await.expect("takes bytes");
        let digest = Digest::of(closing, &content);
        upload.commit(digest).await.expect("commits");
        assert!(
            it.store
                .repo(&name)
                .blob_size(digest)
                .await
                .expect("reads")
                .is_some()
        );
    }
}

#[tokio::test]
async fn an_upload_is_nobody_elses() {
    let it = Fixture::new().await;
    let id = begin(&it.store, &repo("a")).await;
    for (name, owner) in [("a", "mallory"), ("b", "alice")] {
        let refused = it
            .store
            .upload(&repo(name), id, &Principal::new(owner))
            .await;
        assert!(matches!(refused, Err(Error::UploadUnknown)), "{refused:?}");
    }
    assert!(it.store.upload(&repo("a"), id, &alice()).await.is_ok());
}

#[tokio::test]
async fn a_chunk_can_be_taken_back() {
    let it = Fixture::new().await;
    let name = repo("a");
    let id = begin(&it.store, &name).await;
    let mut upload = resume(&it.store, &name, id).await;
    upload
        .append(Bytes::from_static(b"good"))
        .await
        .expect("takes bytes");
    upload
        .append(Bytes::from_static(b"bad"))
        .await
        .expect("takes bytes");
    upload.truncate(4).await.expect("takes back");
    assert_eq!(upload.offset(), 4);
    upload
        .append(Bytes::from_static(b"!"))
        .await
        .expect("takes bytes");
    upload.commit(sha256(b"good!")).await.expect("commits");
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let it = Fixture::new().await;
    let id = begin(&it.store, &repo("a")).await;
    let mut upload = resume(&it.store, &repo("a"), id).await;
    upload
        .append(Bytes::from_static(b"x"))
        .await
        .expect("takes bytes");
    upload.cancel().await.expect("is cancelled");
    assert_eq!(
        std::fs::read_dir(it.root().join("uploads"))
            .expect("is there")
            .count(),
        0
    );
    assert_eq!(it.store.stat().await.expect("counts").uploads, 0);
    assert!(!it.root().join("repos/a").exists());
}

#[tokio::test]
async fn a_damaged_state_is_an_unknown_upload() {
    let it = Fixture::new().await;
    let id = begin(&it.store, &repo("a")).await;
    let state = it.root().join("uploads").join(id.to_string()).join("state");
    std::fs::write(&state, "torn").expect("can be written");
    let refused = it.store.upload(&repo("a"), id, &alice()).await;
    assert!(matches!(refused, Err(Error::UploadUnknown)), "{refused:?}");
}

#[tokio::test]
async fn a_store_opens_once() {
    let it = Fixture::new().await;
    let again = Store::open(Config::new(it.root())).await;
    let Err(Error::Locked { by, .. }) = again else {
        panic!("{again:?}")
    };
    assert_eq!(by, format!("process {}", std::process::id()));
}
