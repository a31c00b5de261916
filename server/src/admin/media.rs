//! Commands about images on media, whose files are the caller's.
//!
//! Owns how a tree of the caller's files is reached, and what is told when nothing comes of it. What
//! such a tree looks like is the mirror crate's.

use std::io;

use bytes::Bytes;
use roadstead_mirror::media::{
    Entry, Error as TreeError, ExportPlan, ImportPlan, Kind, Selected, Tree,
};
use roadstead_mirror::openshift::held::{Error as HeldError, HeldRef, resolve};
use roadstead_storage::{Principal, Store};
use thiserror::Error;

use crate::admin::command::{Part, RepoTarget};
use crate::admin::failure::Failure;
use crate::admin::files::CallerFiles;
use crate::admin::report::{Exported, Imported, PlannedExport, PlannedImport, Report};
use crate::admin::watch::Watch;
use crate::jobs::progress::Progress;
use crate::jobs::record::Ended;

/// Who brings what is imported, as the store notes it.
const BY: &str = "mirror import";

/// Why there is nothing to report.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("it came without the files that it is about")]
    NoFiles,
    #[error("it was stopped")]
    Stopped,
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Error {
    /// The failure that this is for whoever attempted something.
    pub(super) fn describe(&self, attempt: &str) -> Failure {
        let failure = Failure::because(attempt, self);
        match self {
            Self::Tree(TreeError::NoTree) => failure.hint(
                "name what `oc adm release mirror --to-dir`, `oc image mirror --dir` or \
                 `roadstead mirror export` wrote",
            ),
            Self::Tree(TreeError::NoRoom { .. }) => {
                failure.hint("make room there, or say which repositories are to be exported")
            }
            Self::Tree(TreeError::NotHere { .. }) => failure
                .hint("`roadstead repo list` and `roadstead release list` show what there is"),
            _ => failure,
        }
    }
}

/// Brings images from the caller's files, or says what that would come to.
pub(super) async fn import(store: &Store, is_dry: bool, watch: &Watch) -> Result<Report, Error> {
    let files = watch.files().ok_or(Error::NoFiles)?;
    let progress = Progress::default();
    let (told, copies) = (progress.watch(), [progress.clone()]);
    let plan = ImportPlan::make(store, files, &told);
    let plan = watch.look_on(&copies, watch.stop.run_until_cancelled(plan));
    let plan = plan.await.ok_or(Error::Stopped)??;
    if is_dry {
        let (dry_run, import) = (true, plan.report());
        let planned = PlannedImport { dry_run, import };
        return Ok(Report::PlannedImport(Box::new(planned)));
    }
    let by = Principal::new(BY);
    let work = plan.carry_out(store, files, &by, &told, watch.stop.cancelled());
    let imported = Imported::from(watch.look_on(&copies, work).await);
    match imported.result {
        Ended::Stopped => Err(Error::Stopped),
        _ => Ok(Report::Imported(Box::new(imported))),
    }
}

/// Writes images to the caller's files, or says what that would come to.
pub(super) async fn export(
    store: &Store,
    targets: Vec<RepoTarget>,
    is_dry: bool,
    watch: &Watch,
) -> Result<Report, Error> {
    let files = watch.files().ok_or(Error::NoFiles)?;
    let progress = Progress::default();
    let (told, copies) = (progress.watch(), [progress.clone()]);
    let wanted = selected(store, targets).await?;
    let plan = ExportPlan::make(store, files, wanted, &told);
    let plan = watch.look_on(&copies, watch.stop.run_until_cancelled(plan));
    let plan = Box::pin(plan).await.ok_or(Error::Stopped)??;
    if is_dry {
        let (dry_run, export) = (true, plan.report());
        let planned = PlannedExport { dry_run, export };
        return Ok(Report::PlannedExport(Box::new(planned)));
    }
    let work = plan.carry_out(store, files, &told, watch.stop.cancelled());
    let exported = Exported::from(watch.look_on(&copies, work).await?);
    match exported.result {
        Ended::Stopped => Err(Error::Stopped),
        _ => Ok(Report::Exported(Box::new(exported))),
    }
}

/// What a command line selects: all, if it says nothing.
async fn selected(store: &Store, targets: Vec<RepoTarget>) -> Result<Vec<Selected>, Error> {
    if targets.is_empty() {
        return Ok(vec![Selected::All]);
    }
    let mut selected = Vec::new();
    for target in targets {
        if !store
            .repo(&target.name)
            .exists()
            .await
            .map_err(TreeError::from)?
            && let Some(release) = release(store, &target).await?
        {
            selected.push(release);
            continue;
        }
        selected.push(match target.part {
            None => Selected::Repository(target.name),
            Some(Part::Manifest(digest)) => Selected::Digest(target.name, digest),
            Some(Part::Tag(tag)) => Selected::Tag(target.name, tag),
        });
    }
    Ok(selected)
}

/// The release that a word stands for which names no repository, if it does.
async fn release(store: &Store, target: &RepoTarget) -> Result<Option<Selected>, Error> {
    let Ok(wanted) = target.to_string().parse::<HeldRef>() else {
        return Ok(None);
    };
    match resolve(store, &wanted).await {
        Ok(release) => Ok(Some(Selected::Release(Box::new(release)))),
        // It is told as what it most likely was meant for: a repository.
        Err(HeldError::NotHeld { .. }) => Ok(None),
        Err(error) => Err(TreeError::from(error).into()),
    }
}

impl Tree for CallerFiles {
    async fn create(&self, path: &str, mode: u32) -> io::Result<()> {
        Ok(Self::create(self, path, mode).await?)
    }

    async fn describe(&self, path: &str) -> io::Result<Option<Kind>> {
        Ok(Self::describe(self, path).await?)
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(Self::link(self, from, to).await?)
    }

    async fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        Ok(Self::list(self, path).await?)
    }

    async fn make_dir(&self, path: &str) -> io::Result<()> {
        Ok(Self::make_dir(self, path).await?)
    }

    async fn read(&self, path: &str, offset: u64, length: u32) -> io::Result<Bytes> {
        Ok(Self::read(self, path, offset, length).await?)
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        Ok(Self::remove(self, path).await?)
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(Self::rename(self, from, to).await?)
    }

    async fn room(&self) -> io::Result<u64> {
        Ok(Self::room(self).await?)
    }

    async fn symlink(&self, target: &str, path: &str) -> io::Result<()> {
        Ok(Self::symlink(self, target, path).await?)
    }

    async fn sync(&self, path: &str) -> io::Result<()> {
        Ok(Self::sync(self, path).await?)
    }

    async fn write(&self, path: &str, offset: u64, bytes: Bytes) -> io::Result<()> {
        Ok(Self::write(self, path, offset, bytes).await?)
    }
}
