//! The operations of the run, each of which notes what holds once it is acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use roadstead_storage::oci::{Algorithm, Digest, Manifest};
use roadstead_storage::{Origin, Put, Store, UploadId};

use crate::common::{alice, append, begin, repo, resume, sha256, tag};
use crate::disk_model::Recorder;
use crate::facts::{Fact, Facts};

/// More than the run ever needs but where it is filled up, in bytes.
pub(crate) const MAX_SIZE: u64 = 64 << 10;

/// Performs operations one after the other and notes when each was acknowledged.
pub(crate) struct Script {
    store: Store,
    recorder: Arc<Recorder>,
    /// How far the clock is ahead, in seconds.
    ahead: Arc<AtomicU64>,
    facts: Facts,
    pub(crate) acknowledged: Vec<(usize, Facts)>,
}

impl Script {
    /// Of an empty store, which `recorder` watches and whose clock is `ahead`.
    pub(crate) fn new(store: Store, recorder: Arc<Recorder>, ahead: Arc<AtomicU64>) -> Self {
        let acknowledged = vec![(0, Facts::new()), (recorder.len(), Facts::new())];
        Self {
            store,
            recorder,
            ahead,
            facts: Facts::new(),
            acknowledged,
        }
    }

    fn acknowledge(&mut self) {
        self.acknowledged
            .push((self.recorder.len(), self.facts.clone()));
    }

    pub(crate) async fn begin(&mut self, name: &'static str) -> UploadId {
        let id = begin(&self.store, &repo(name)).await;
        self.acknowledge();
        id
    }

    pub(crate) async fn append(&mut self, name: &'static str, id: UploadId, bytes: &[u8]) {
        append(&self.store, &repo(name), id, bytes).await;
        self.acknowledge();
    }

    pub(crate) async fn push(&mut self, name: &'static str, parts: &[&[u8]]) -> Digest {
        let id = self.begin(name).await;
        for part in parts {
            self.append(name, id, part).await;
        }
        let digest = sha256(&parts.concat());
        let upload = resume(&self.store, &repo(name), id).await;
        upload.commit(digest).await.expect("commits");
        self.facts.insert(Fact::Blob(name, digest), digest);
        self.acknowledge();
        digest
    }

    /// As [`Self::push`], with the last part in the same step as the end.
    pub(crate) async fn push_at_once(&mut self, name: &'static str, parts: &[&[u8]]) -> Digest {
        let id = self.begin(name).await;
        let (last, parts_before) = parts.split_last().expect("a push has parts");
        for part in parts_before {
            self.append(name, id, part).await;
        }
        let digest = sha256(&parts.concat());
        let last = Bytes::copy_from_slice(last).into();
        self.store
            .finish_upload(&repo(name), id, &alice(), last, digest)
            .await
            .expect("commits");
        self.facts.insert(Fact::Blob(name, digest), digest);
        self.acknowledge();
        digest
    }

    /// A push without a session.
    pub(crate) async fn put_blob(&mut self, name: &'static str, bytes: &[u8]) -> Digest {
        let digest = sha256(bytes);
        let content = Bytes::copy_from_slice(bytes).into();
        let there = self.store.repo(&repo(name));
        there.put_blob(digest, content).await.expect("is put");
        self.facts.insert(Fact::Blob(name, digest), digest);
        self.acknowledge();
        digest
    }

    pub(crate) async fn mount(&mut self, from: &'static str, to: &'static str, digest: Digest) {
        assert!(
            self.store
                .repo(&repo(to))
                .mount(digest, &repo(from))
                .await
                .expect("mounts")
        );
        self.facts.insert(Fact::Blob(to, digest), digest);
        self.acknowledge();
    }

    pub(crate) async fn put(
        &mut self,
        name: &'static str,
        manifest: &Manifest,
        tags: &[&'static str],
    ) -> Digest {
        self.bring(name, manifest, tags, Origin::Pushed).await
    }

    pub(crate) async fn bring(
        &mut self,
        name: &'static str,
        manifest: &Manifest,
        tags: &[&'static str],
        origin: Origin,
    ) -> Digest {
        let digest = manifest.digest(Algorithm::Sha256);
        let put = Put {
            manifest: manifest.clone(),
            digest,
            tags: tags.iter().map(|name| tag(name)).collect(),
            origin,
            by: alice(),
        };
        self.store
            .repo(&repo(name))
            .put_manifest(put)
            .await
            .expect("is stored");
        self.facts.insert(Fact::Manifest(name, digest), digest);
        for tag in tags {
            self.facts.insert(Fact::Tag(name, tag), digest);
        }
        self.acknowledge();
        digest
    }

    pub(crate) async fn delete_tag(&mut self, name: &'static str, gone: &'static str) {
        assert!(
            self.store
                .repo(&repo(name))
                .delete_tag(&tag(gone))
                .await
                .expect("deletes")
        );
        self.facts.remove(&Fact::Tag(name, gone));
        self.acknowledge();
    }

    pub(crate) async fn delete_manifest(&mut self, name: &'static str, digest: Digest) {
        let gone = self
            .store
            .repo(&repo(name))
            .delete_manifest(digest)
            .await
            .expect("deletes");
        assert!(gone.is_some());
        self.forget(name, digest);
        self.acknowledge();
    }

    fn forget(&mut self, name: &'static str, digest: Digest) {
        self.facts.retain(|fact, named| match fact {
            Fact::Tag(repository, _) | Fact::Manifest(repository, _) => {
                *repository != name || *named != digest
            }
            Fact::Blob(..) => true,
        });
    }

    pub(crate) async fn unlink(&mut self, name: &'static str, digest: Digest) {
        assert!(
            self.store
                .repo(&repo(name))
                .unlink_blob(digest)
                .await
                .expect("deletes")
        );
        self.facts.remove(&Fact::Blob(name, digest));
        self.acknowledge();
    }

    /// Collects without grace; `needed` are the blobs that stay.
    pub(crate) async fn collect(&mut self, needed: &[Digest]) {
        self.store
            .collect(false, Arc::default(), |_| {})
            .await
            .expect("collects");
        self.lose_all_but(needed);
    }

    /// Trims the image of the repository; `needed` are the blobs that stay.
    pub(crate) async fn trim(&mut self, name: &'static str, image: Digest, needed: &[Digest]) {
        self.ahead.fetch_add(2 * 60 * 60, Ordering::Relaxed);
        let used = self.store.usage().await.expect("says").used;
        let left = MAX_SIZE - used.expect("it is limited");
        let filler = vec![0; usize::try_from(left - MAX_SIZE / 50).expect("it is small")];
        self.push(name, &[&filler]).await;
        let trimmed = self.store.trim(Arc::default(), |_| {}).await;
        assert_eq!(trimmed.expect("trims").manifests, 1);
        self.forget(name, image);
        self.lose_all_but(needed);
    }

    fn lose_all_but(&mut self, needed: &[Digest]) {
        let needed: BTreeSet<_> = needed.iter().collect();
        self.facts
            .retain(|fact, digest| !matches!(fact, Fact::Blob(..)) || needed.contains(digest));
        self.acknowledge();
    }
}
