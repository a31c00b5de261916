//! What the scripts are written with: a store, and directories.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;

use harness::Image;
use harness::openshift::{Component, OcTree, Target as _};
use roadstead_mirror::job::{Outcome, State, Watch};
use roadstead_mirror::media::{ExportOutcome, ExportPlan, ImportOutcome, ImportPlan, Selected};
use roadstead_storage::oci::{Digest, RepoName};
use roadstead_storage::{Config, Principal, Store};
use tempfile::TempDir;

use super::folder::Folder;

/// A store, and a place for directories.
pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let config = Config::new(dir.path().join("data"));
        Self {
            store: Store::create_or_open(config).await.expect("a store"),
            dir,
        }
    }

    /// A directory as oc writes it, empty at first.
    pub(crate) fn tree(&self) -> OcTree {
        OcTree::at(self.path("tree"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn import(&self, tree: &Folder) -> ImportOutcome {
        let watch = Watch::default();
        let plan = ImportPlan::make(&self.store, tree, &watch).await;
        let by = Principal::new("a test");
        let plan = plan.expect("the tree can be read");
        plan.carry_out(&self.store, tree, &by, &watch, pending())
            .await
    }

    pub(crate) async fn plan(&self, tree: &Folder, selected: Selected) -> ExportPlan {
        let watch = Watch::default();
        let plan = ExportPlan::make(&self.store, tree, vec![selected], &watch);
        plan.await.expect("the store can be read")
    }

    pub(crate) async fn export(&self, tree: &Folder, selected: Selected) -> ExportOutcome {
        let plan = self.plan(tree, selected).await;
        let watch = Watch::default();
        let work = plan.carry_out(&self.store, tree, &watch, pending());
        work.await.expect("there is room")
    }

    /// The tags of a repository, with what they name.
    pub(crate) async fn tags(&self, name: &str) -> BTreeMap<String, String> {
        let repo = self.store.repo(&repo(name));
        let mut named = BTreeMap::new();
        for tag in repo.tags().await.expect("reads").unwrap_or_default() {
            let state = repo.tag(&tag).await.expect("reads").expect("a tag");
            named.insert(tag.to_string(), state.digest.to_string());
        }
        named
    }

    /// Insists that a repository lacks nothing that its manifests refer to.
    #[track_caller]
    pub(crate) fn whole(&self, name: &str) -> impl Future<Output = ()> + use<> {
        let repo = self.store.repo(&repo(name));
        async move {
            let summary = repo.describe().await.expect("reads").expect("a repository");
            assert_eq!(summary.missing, [], "what {} lacks", repo.name());
        }
    }
}

/// Puts an image into a tree under a tag.
pub(crate) fn put(tree: &OcTree, repository: &str, tag: &str, image: &Image) {
    Component::image("x", image).push(tree, repository);
    tree.take_manifest(repository, tag, &image.manifest);
}

pub(crate) fn repo(name: &str) -> RepoName {
    name.parse().expect("a name")
}

pub(crate) fn known(digest: &harness::Digest) -> Digest {
    digest.as_str().parse().expect("a digest")
}

/// How each image stands, and why.
pub(crate) fn states(outcome: &Outcome) -> BTreeMap<&str, (State, &str)> {
    let images = outcome.images.iter();
    let states = images.map(|image| {
        let because = image.because.as_deref().unwrap_or_default();
        (image.source.as_str(), (image.state, because))
    });
    states.collect()
}
