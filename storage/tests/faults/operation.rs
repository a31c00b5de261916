//! Everything a store can be asked to do that changes the disk, once each.
//!
//! An operation may be run again after it failed, and then comes to the same end.

use std::sync::Arc;

use bytes::Bytes;
use roadstead_storage::oci::{Algorithm, Manifest};
use roadstead_storage::{Error, Fetch, FetchWriter, ScrubOptions, Store, Target, Upload, UploadId};

use crate::common::{alice, image, repo, sha256, tag, try_put};
use crate::lab::{BEGUN, LAYER, Lab, Scene, plain, referrer};

/// What the upload of the scene becomes when more comes with its end.
const FINISHED: &[u8] = b"begun and finished";
/// What another registry has.
const FETCHED: &[u8] = b"fetched";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Append,
    BackUpAgain,
    BackUpAnew,
    Begin,
    Cancel,
    Checkpoint,
    Collect,
    Create,
    DeleteBlob,
    DeleteManifest,
    DeleteTag,
    EmptyTrash,
    Fetch,
    FetchOn,
    Finish,
    FinishAtOnce,
    Head,
    Mount,
    MoveTag,
    Open,
    Push,
    PushAgain,
    PutBlob,
    PutByDigest,
    PutReferrer,
    PutTags,
    Reindex,
    RemoveRepository,
    Scrub,
    ScrubOn,
    Truncate,
}

impl Operation {
    pub(crate) const ALL: [Self; 31] = [
        Self::Append,
        Self::BackUpAgain,
        Self::BackUpAnew,
        Self::Begin,
        Self::Cancel,
        Self::Checkpoint,
        Self::Collect,
        Self::Create,
        Self::DeleteBlob,
        Self::DeleteManifest,
        Self::DeleteTag,
        Self::EmptyTrash,
        Self::Fetch,
        Self::FetchOn,
        Self::Finish,
        Self::FinishAtOnce,
        Self::Head,
        Self::Mount,
        Self::MoveTag,
        Self::Open,
        Self::Push,
        Self::PushAgain,
        Self::PutBlob,
        Self::PutByDigest,
        Self::PutReferrer,
        Self::PutTags,
        Self::Reindex,
        Self::RemoveRepository,
        Self::Scrub,
        Self::ScrubOn,
        Self::Truncate,
    ];

    /// What has to be there.
    pub(crate) fn scene(self) -> Scene {
        match self {
            Self::Checkpoint => Scene::AlmostCheckpoint,
            Self::Create => Scene::Nothing,
            Self::Scrub => Scene::Damaged,
            _ => Scene::Sound,
        }
    }

    /// Whether it opens the store itself.
    pub(crate) fn opens(self) -> bool {
        matches!(self, Self::Create | Self::Open)
    }

    /// Whether what fails is the disk of the copy, and never the store's.
    pub(crate) fn writes_elsewhere(self) -> bool {
        matches!(self, Self::BackUpAgain | Self::BackUpAnew)
    }

    /// What comes before it, with nothing failing.
    pub(crate) async fn prepare(self, lab: &mut Lab) {
        if !self.opens() {
            lab.open().await.expect("opens");
        }
        match self {
            Self::Collect => lab.pass_days(2),
            Self::EmptyTrash => {
                lab.pass_days(2);
                Self::Collect.run(lab).await.expect("collects");
                lab.pass_days(2);
            }
            Self::FetchOn => {
                let mut writer = begin_fetch(lab.store()).await.expect("begins");
                let begun = writer.append(Bytes::from_static(&FETCHED[..3])).await;
                begun.expect("takes bytes");
            }
            // The promise of the push is old.
            Self::Head | Self::Mount => lab.pass_days(1),
            Self::BackUpAnew => {
                std::fs::remove_dir_all(lab.copy()).expect("was there");
            }
            _ => {}
        }
    }

    /// Does it again, after a failure. Whoever hears then that an upload is gone begins another.
    pub(crate) async fn run_again(self, lab: &mut Lab) -> Result<(), Error> {
        match self.run(lab).await {
            Err(Error::UploadUnknown) if self == Self::Finish => push(lab.store(), BEGUN).await,
            Err(Error::UploadUnknown) if self == Self::FinishAtOnce => {
                push(lab.store(), FINISHED).await
            }
            Err(Error::UploadUnknown) => Ok(()),
            // The blob was there before what failed.
            Err(Error::FetchInterrupted) => {
                let there = lab.store().repo(&repo("c"));
                let is_linked = there.link_confirmed(sha256(FETCHED)).await?;
                assert!(is_linked, "it is in the store");
                Ok(())
            }
            done => done,
        }
    }

    /// Does it.
    pub(crate) async fn run(self, lab: &mut Lab) -> Result<(), Error> {
        if self.opens() {
            return lab.open().await;
        }
        let store = lab.store();
        let (a, c) = (store.repo(&repo("a")), store.repo(&repo("c")));
        match self {
            Self::Append | Self::Checkpoint => append(lab).await,
            Self::BackUpAgain | Self::BackUpAnew => {
                let backup = store.backup(lab.copy(), Arc::default(), |_| {});
                backup.await.map(drop)
            }
            Self::Begin => begin(store).await.map(drop),
            Self::Cancel => resume(lab).await?.cancel().await,
            Self::Collect | Self::EmptyTrash => {
                let collection = store.collect(false, Arc::default(), |_| {});
                collection.await.map(drop)
            }
            Self::Create | Self::Open => unreachable!("they were run above"),
            Self::DeleteBlob => a.unlink_blob(sha256(LAYER)).await.map(drop),
            Self::DeleteManifest => {
                let digest = referrer("first").digest(Algorithm::Sha256);
                a.delete_manifest(digest).await.map(drop)
            }
            Self::DeleteTag => a.delete_tag(&tag("v1")).await.map(drop),
            Self::Fetch | Self::FetchOn => fetch(store).await,
            Self::Finish => resume(lab).await?.commit(sha256(BEGUN)).await.map(drop),
            Self::FinishAtOnce => finish(lab).await,
            Self::Head => a.blob_size(sha256(LAYER)).await.map(drop),
            Self::Mount => c.mount(sha256(LAYER), &repo("a")).await.map(drop),
            Self::MoveTag => put(store, &plain(), &["sig"]).await,
            Self::Push => push(store, b"new").await,
            Self::PushAgain => push(store, LAYER).await,
            Self::PutBlob => {
                let bytes = Bytes::from_static(b"new");
                c.put_blob(sha256(b"new"), bytes.into()).await
            }
            Self::PutByDigest => put(store, &image(LAYER, &[], ""), &[]).await,
            Self::PutReferrer => put(store, &referrer("second"), &[]).await,
            Self::PutTags => put(store, &referrer("second"), &["new", "latest"]).await,
            Self::Reindex => store.rebuild_index().await,
            Self::RemoveRepository => a.remove(Target::All, false).await.map(drop),
            Self::Scrub | Self::ScrubOn => {
                let resume = self == Self::ScrubOn;
                let options = ScrubOptions {
                    resume,
                    ..ScrubOptions::default()
                };
                store.scrub(options, Arc::default(), |_| {}).await.map(drop)
            }
            Self::Truncate => resume(lab).await?.truncate(2).await,
        }
    }
}

async fn put(store: &Store, manifest: &Manifest, tags: &[&str]) -> Result<(), Error> {
    let outcome = try_put(store, &repo("a"), manifest, tags).await?;
    assert_eq!(outcome.missing, []);
    Ok(())
}

async fn begin(store: &Store) -> Result<UploadId, Error> {
    store
        .begin_upload(&repo("c"), &alice(), Algorithm::Sha256)
        .await
}

/// Fetches a blob, or goes on where the last fetch stopped, in two pieces where there are two left.
async fn fetch(store: &Store) -> Result<(), Error> {
    let mut writer = begin_fetch(store).await?;
    let here = usize::try_from(writer.offset()).expect("a small blob");
    writer.reserve(FETCHED.len() as u64).await?;
    for piece in FETCHED[here..].chunks(5) {
        writer.append(Bytes::from_static(piece)).await?;
    }
    writer.commit(&repo("c")).await.map(drop)
}

async fn begin_fetch(store: &Store) -> Result<FetchWriter, Error> {
    match store.fetch(sha256(FETCHED)).await? {
        Fetch::Begun(writer) => Ok(writer),
        // Its last step was not what failed, or the first of them is still at it.
        Fetch::Held | Fetch::Joined(_) => Err(Error::FetchInterrupted),
    }
}

async fn push(store: &Store, bytes: &'static [u8]) -> Result<(), Error> {
    let id = begin(store).await?;
    let mut upload = store.upload(&repo("c"), id, &alice()).await?;
    upload.append(Bytes::from_static(bytes)).await?;
    upload.commit(sha256(bytes)).await.map(drop)
}

/// Ends the upload of the scene with what is missing of it.
async fn finish(lab: &Lab) -> Result<(), Error> {
    let id = lab.upload.expect("the scene has an upload");
    let last = Bytes::from_static(&FINISHED[BEGUN.len()..]).into();
    let (there, by, digest) = (repo("c"), alice(), sha256(FINISHED));
    let finished = lab.store().finish_upload(&there, id, &by, last, digest);
    finished.await.map(drop)
}

/// Goes on with the upload of the scene, by one byte.
async fn append(lab: &Lab) -> Result<(), Error> {
    let mut upload = resume(lab).await?;
    upload.append(Bytes::from_static(&[0])).await?;
    upload.suspend().await.map(drop)
}

/// How far the upload has come that the operation takes a byte for, if there is one.
pub(crate) async fn offset(operation: Operation, lab: &Lab) -> Option<u64> {
    if !matches!(operation, Operation::Append | Operation::Checkpoint) {
        return None;
    }
    let upload = resume(lab).await.ok()?;
    Some(upload.offset())
}

/// The upload of the scene.
async fn resume(lab: &Lab) -> Result<Upload, Error> {
    let id = lab.upload.expect("the scene has an upload");
    lab.store().upload(&repo("c"), id, &alice()).await
}
