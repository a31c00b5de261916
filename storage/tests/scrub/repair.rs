//! What scrub mends, and what it must leave alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roadstead_storage::oci::{Algorithm, Manifest, Reference};
use roadstead_storage::{Error, Outcome, Phase, Problem, Progress};

use crate::common::{Fixture, alice, files_below, image, put, repo, tag};
use crate::{about, begin_upload, by_digest, flip, index_of, is_clean, only, record_path, scrub};

#[tokio::test]
async fn a_damaged_record_is_made_again_from_its_manifest() {
    let it = Fixture::new().await;
    let docker = {
        let text = image(b"1", &[], "").bytes().to_vec();
        let text = String::from_utf8(text).expect("text").replacen(
            '{',
            r#"{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","#,
            1,
        );
        Manifest::parse(None, text.into()).expect("a valid image")
    };
    let plain = image(b"1", &[], "");
    for manifest in [&docker, &plain, &index_of(&[&plain])] {
        let digest = manifest.digest(Algorithm::Sha256);
        put(&it.store, &repo("a"), manifest, &["v"]).await;
        let path = record_path("a", digest);
        std::fs::write(it.root().join(&path), "torn").expect("can be written");
        let found = scrub(&it.store).await;
        let repaired = (path, Problem::Damaged, Outcome::Repaired, Vec::new());
        assert_eq!(only(&found), repaired);
        assert!(!found.has_losses());
        let stored = it
            .store
            .repo(&repo("a"))
            .manifest(&Reference::Tag(tag("v")))
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(stored.media_type, *manifest.media_type());
        assert_eq!(stored.bytes, manifest.bytes());
        is_clean(&scrub(&it.store).await);
    }
}

#[tokio::test]
async fn a_deleted_manifest_stays_deleted() {
    let it = Fixture::new().await;
    let manifest = image(b"1", &[], "");
    put(&it.store, &repo("a"), &manifest, &["v"]).await;
    let there = it.store.repo(&repo("a"));
    there
        .delete_manifest(manifest.digest(Algorithm::Sha256))
        .await
        .expect("deletes");
    is_clean(&scrub(&it.store).await);
    let gone = there.manifest(&by_digest(&manifest)).await;
    assert!(gone.expect("reads").is_none());
}

#[tokio::test]
async fn marks_of_referrers_follow_the_manifests() {
    let it = Fixture::new().await;
    let name = repo("a");
    let subject = image(b"1", &[], "");
    let referrer = image(b"2", &[], &about(&subject));
    put(&it.store, &name, &subject, &[]).await;
    put(&it.store, &name, &referrer, &[]).await;
    let digest = subject.digest(Algorithm::Sha256);
    let marks = it
        .root()
        .join("repos/a/_referrers/sha256")
        .join(digest.hex());
    let mark = |manifest: &Manifest| {
        let hex = manifest.digest(Algorithm::Sha256).hex();
        marks.join(format!("sha256-{hex}"))
    };
    // As crashes leave it: a mark without its manifest, a manifest without its mark.
    std::fs::write(mark(&image(b"3", &[], "")), "").expect("can be written");
    std::fs::remove_file(mark(&referrer)).expect("was there");
    let found = scrub(&it.store).await;
    is_clean(&found);
    assert_eq!(found.tidied, 2);
    let listed = it.store.repo(&name).referrers(digest).await.expect("lists");
    assert_eq!(listed.len(), 1);
    assert_eq!(files_below(&marks).len(), 1);
    // And as no crash does.
    std::fs::write(mark(&referrer), "x").expect("can be written");
    let (_, problem, outcome, _) = only(&scrub(&it.store).await);
    assert_eq!((problem, outcome), (Problem::NotEmpty, Outcome::Repaired));
    is_clean(&scrub(&it.store).await);
}

#[tokio::test]
async fn what_is_not_the_stores_is_reported_and_left_alone() {
    let it = Fixture::new().await;
    put(&it.store, &repo("a"), &image(b"1", &[], ""), &["v"]).await;
    let strays = [
        "notes.txt",
        "blobs/README",
        "repos/a/_tags/.swp",
        "repos/X/y",
    ];
    for stray in strays {
        let path = it.root().join(stray);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("makes directories");
        std::fs::write(path, "mine").expect("can be written");
    }
    let found = scrub(&it.store).await;
    let mut paths: Vec<_> = found
        .defects
        .iter()
        .map(|defect| defect.path.display().to_string())
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        ["blobs/README", "notes.txt", "repos/X", "repos/a/_tags/.swp"]
    );
    assert!(!found.has_losses());
    for defect in &found.defects {
        assert_eq!(
            (defect.problem, defect.outcome),
            (Problem::Stray, Outcome::Reported)
        );
    }
    for stray in strays {
        assert!(it.root().join(stray).exists(), "{stray}");
    }
}

#[tokio::test]
async fn a_damaged_upload_is_given_up() {
    let it = Fixture::new().await;
    let id = begin_upload(&it.store, b"half of it").await;
    let data = format!("uploads/{id}/data");
    flip(&it.root().join(&data), 4);
    let found = scrub(&it.store).await;
    let given_up = (data, Problem::Damaged, Outcome::Repaired, Vec::new());
    assert_eq!(only(&found), given_up);
    let gone = it.store.upload(&repo("up"), id, &alice()).await;
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
    assert!(files_below(&it.root().join("uploads")).is_empty());
}

#[tokio::test]
async fn an_index_that_lists_other_than_what_is_there_is_built_anew() {
    let it = Fixture::new().await;
    put(&it.store, &repo("before"), &image(b"1", &[], ""), &["v"]).await;
    it.store.rebuild_index().await.expect("builds");
    let repos = it.root().join("repos");
    std::fs::rename(repos.join("before"), repos.join("after")).expect("was there");
    assert_eq!(scrub(&it.store).await.tidied, 1);
    assert!(!it.store.index_ready());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let progress = move |progress: Progress| {
        assert_eq!(progress.phase, Phase::Index);
        count.fetch_add(1, Ordering::Relaxed);
    };
    it.store
        .reindex(Arc::default(), progress)
        .await
        .expect("builds");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    let listed = it.store.repositories(None, 10).await.expect("lists");
    assert_eq!(listed, [repo("after")]);
    assert_eq!(scrub(&it.store).await.tidied, 0);
}
