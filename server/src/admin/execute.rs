//! Carries out a command, on a store that somebody holds.
//!
//! The one function behind both ways a command can take: the running server's socket and the
//! command's own process. It changes only through the faces of the crates and of `auth`, and answers
//! in reports and failures. Invariant: what it reports as done is on disk.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use roadstead_certs::{Clock, ServerTls};
use roadstead_storage::oci::RepoName;
use roadstead_storage::{Error as StoreError, ScrubOptions, Store, Target};
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::info;

use crate::admin::certificates::CertificateWork;
use crate::admin::cluster;
use crate::admin::command::{Command, Part, RepoTarget, WantedFacts};
use crate::admin::failure::Failure;
use crate::admin::media::{self, Error as MediaError};
use crate::admin::mirror::{Error as MirrorError, Mirroring, Names};
use crate::admin::place::Place;
use crate::admin::release::{Error as ReleasesError, Releases};
use crate::admin::report::{
    Collected, PullAccount, Reindexed, Removed, Report, Repositories, ShownConfig, StoreContent,
    User, Users as UserList, WriteConfig,
};
use crate::admin::wanted::Wanted;
use crate::admin::watch::Watch;
use crate::auth::name::UserName;
use crate::auth::password::PasswordHash;
use crate::auth::role::Role;
use crate::auth::table::Account;
use crate::auth::users::{Error as UsersError, Users};
use crate::config::Config;
use crate::config::address::Address;
use crate::upkeep::Upkeep;

/// How many repositories are looked up at a time.
const PAGE: usize = 100;

/// Everything a command can touch. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Context(Arc<Inner>);

struct Inner {
    parts: Parts,
    config: RwLock<Arc<Config>>,
}

/// What a [`Context`] is made of.
pub(crate) struct Parts {
    /// The store.
    pub(crate) store: Store,
    /// Its long work.
    pub(crate) upkeep: Upkeep,
    /// The accounts.
    pub(crate) users: Arc<Users>,
    /// The certificates that are served; nothing while nobody serves.
    pub(crate) tls: Option<Arc<ServerTls>>,
    /// Other registries.
    pub(crate) mirroring: Mirroring,
    /// How the registry is reached, where that is known.
    pub(crate) address: Option<Address>,
    /// What time it is.
    pub(crate) clock: Clock,
}

impl Context {
    /// What commands touch under this configuration.
    pub(crate) fn new(parts: Parts, config: Config) -> Self {
        let config = RwLock::new(Arc::new(config));
        Self(Arc::new(Inner { parts, config }))
    }

    /// Takes over a configuration that was read again.
    pub(crate) fn reconfigure(&self, config: Config) {
        *self
            .0
            .config
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// The configuration that counts.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Carries out `command`. Long work tells its steps to `watch`, and ends early when told so there.
    ///
    /// # Errors
    /// Says what was attempted and why it failed.
    ///
    /// # Cancel safety
    /// A change that was begun runs to its end, and long work to the end of its step; what was only
    /// read is forgotten.
    pub(super) async fn execute(&self, command: Command, watch: &Watch) -> Result<Report, Failure> {
        let attempted = command.clone();
        let outcome = match command {
            Command::CaIssue { names } => self.certificates(move |work| work.issue(&names)).await,
            Command::CaRenew => self.certificates(CertificateWork::renew).await,
            Command::CaRotate => self.certificates(CertificateWork::rotate).await,
            Command::CaShow => self.certificates(CertificateWork::show).await,
            Command::CaTrust => {
                let trusted = self.certificates(CertificateWork::trust).await;
                trusted.map(Report::Trust)
            }
            Command::ClusterAccount { name, hash } => self.pull_account(name, hash).await,
            Command::ClusterFacts(wanted) => self.cluster(wanted).await,
            Command::ConfigShow => self.show_config(),
            Command::MirrorExport {
                targets, dry_run, ..
            } => {
                let store = &self.0.parts.store;
                let exported = Box::pin(media::export(store, targets, dry_run, watch));
                exported.await.map_err(Error::Media)
            }
            Command::MirrorImage(wanted) => self.mirror(wanted, watch).await,
            Command::MirrorImport { dry_run, .. } => {
                let store = &self.0.parts.store;
                let imported = Box::pin(media::import(store, dry_run, watch));
                imported.await.map_err(Error::Media)
            }
            Command::MirrorRelease(wanted) => {
                let parts = &self.0.parts;
                let now = (parts.clock)();
                let work = parts
                    .mirroring
                    .release(&parts.store, self.names(), *wanted, now, watch);
                Box::pin(work).await.map_err(Error::Mirroring)
            }
            Command::MirrorSamples(wanted) => {
                let parts = &self.0.parts;
                let now = (parts.clock)();
                let work = parts.mirroring.samples(&parts.store, *wanted, now, watch);
                Box::pin(work).await.map_err(Error::Mirroring)
            }
            Command::MirrorRun { jobs } => {
                let ran = self.0.parts.mirroring.run(jobs, watch).await;
                ran.map_err(Error::Mirroring)
            }
            Command::MirrorStatus => Ok(self.0.parts.mirroring.status()),
            Command::ReleaseExtract(wanted) => {
                let extracted = Box::pin(self.releases().extract(&wanted, watch.files())).await;
                extracted.map_err(Error::from)
            }
            Command::ReleaseInfo { release } => {
                let told = self.releases().info(&release).await;
                told.map_err(Error::from)
            }
            Command::ReleaseList => self.releases().list().await.map_err(Error::from),
            Command::ReleaseRemove { release, dry_run } => {
                let removed = self.releases().remove(&release, dry_run).await;
                removed.map_err(Error::from)
            }
            Command::ReleaseVerify { release, trust } => {
                let releases = self.releases();
                let verified = releases.verify(&release, trust, watch.progress());
                Box::pin(verified).await.map_err(Error::from)
            }
            Command::RepoList => self.list_repositories().await,
            Command::RepoRemove { target, dry_run } => self.remove(target, dry_run).await,
            Command::RepoShow { name } => self.show_repository(&name).await,
            Command::StoreBackup { place } => self.back_up(place, watch).await,
            Command::StoreGc { dry_run } => self.collect(dry_run, watch).await,
            Command::StoreReindex => self.reindex(watch).await,
            Command::StoreScrub => self.scrub(watch).await,
            Command::StoreStat => self.count().await,
            Command::UserAdd {
                name,
                hash,
                is_admin,
            } => {
                let role = if is_admin { Role::Admin } else { Role::User };
                self.users(move |users| users.add(Account { name, hash, role }))
                    .await
            }
            Command::UserList => Ok(self.list_users()),
            Command::UserPassword { name, hash } => {
                self.users(move |users| users.set_password(&name, hash))
                    .await
            }
            Command::UserRemove { name } => self.users(move |users| users.remove(&name)).await,
        };
        outcome.map_err(|error| error.describe(&attempted))
    }

    async fn certificates<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&CertificateWork) -> Result<T, roadstead_certs::Error> + Send + 'static,
    {
        let certificates = CertificateWork {
            tls: self.0.parts.tls.clone(),
            config: self.config(),
            address: self.0.parts.address.clone(),
            now: (self.0.parts.clock)(),
        };
        Ok(spawn_blocking(move || work(&certificates)).await??)
    }

    async fn users<F>(&self, change: F) -> Result<Report, Error>
    where
        F: FnOnce(&Users) -> Result<(), UsersError> + Send + 'static,
    {
        let users = Arc::clone(&self.0.parts.users);
        spawn_blocking(move || change(&users)).await??;
        Ok(Report::Done)
    }

    async fn pull_account(&self, name: UserName, hash: PasswordHash) -> Result<Report, Error> {
        let users = Arc::clone(&self.0.parts.users);
        let was_there = spawn_blocking(move || users.renew_puller(&name, hash)).await??;
        Ok(Report::PullAccount(PullAccount { was_there }))
    }

    async fn cluster(&self, wanted: WantedFacts) -> Result<Report, Error> {
        let trusted = self.certificates(CertificateWork::trust).await?;
        let (store, config) = (&self.0.parts.store, self.config());
        let facts = Box::pin(cluster::facts(store, &config.upstreams, trusted, &wanted));
        Ok(Report::Cluster(Box::new(facts.await.map_err(Box::new)?)))
    }

    fn list_users(&self) -> Report {
        let accounts = self.0.parts.users.list().into_iter();
        let user = |account: Account| User {
            name: account.name.into(),
            admin: account.role == Role::Admin,
            pull_only: account.role == Role::Puller,
        };
        Report::Users(UserList {
            users: accounts.map(user).collect(),
        })
    }

    fn show_config(&self) -> Result<Report, Error> {
        let mut config = (*self.config()).clone();
        config.address = config.address.or_else(|| self.0.parts.address.clone());
        Ok(Report::Config(ShownConfig::of(&config)?))
    }

    /// What this registry is called.
    fn names(&self) -> Names {
        Names {
            config: self.config(),
            address: self.0.parts.address.clone(),
        }
    }

    fn releases(&self) -> Releases<'_> {
        let parts = &self.0.parts;
        let address = self.config().address.clone();
        Releases {
            store: &parts.store,
            address: address.or_else(|| parts.address.clone()),
            trust: parts.mirroring.upstreams.trust().clone(),
            now: (parts.clock)(),
        }
    }

    async fn mirror(&self, wanted: Wanted, watch: &Watch) -> Result<Report, Error> {
        let parts = &self.0.parts;
        let mirrored = parts
            .mirroring
            .image(&parts.store, self.names(), wanted, watch);
        mirrored.await.map_err(Error::Mirroring)
    }

    async fn list_repositories(&self) -> Result<Report, Error> {
        let store = &self.0.parts.store;
        let mut repositories = Vec::new();
        let mut after: Option<RepoName> = None;
        loop {
            let page = store
                .repositories(after.as_ref().map(RepoName::as_str), PAGE)
                .await?;
            for name in &page {
                // One that was removed meanwhile is no longer to be listed.
                if let Some(summary) = store.repo(name).describe().await? {
                    repositories.push(summary.into());
                }
            }
            if page.len() < PAGE {
                return Ok(Report::Repositories(Repositories { repositories }));
            }
            after = page.into_iter().next_back();
        }
    }

    async fn show_repository(&self, name: &RepoName) -> Result<Report, Error> {
        match self.0.parts.store.repo(name).describe().await? {
            Some(summary) => Ok(Report::Repository(summary.into())),
            None => Err(Error::NotThere),
        }
    }

    async fn remove(&self, target: RepoTarget, dry_run: bool) -> Result<Report, Error> {
        let repo = self.0.parts.store.repo(&target.name);
        let part = match target.part {
            None => Target::All,
            Some(Part::Manifest(digest)) => Target::Manifest(digest),
            Some(Part::Tag(tag)) => Target::Tag(tag),
        };
        let removal = repo.remove(part, dry_run).await?.ok_or(Error::NotThere)?;
        if !dry_run {
            let (tags, manifests) = (removal.tags.len(), removal.manifests.len());
            info!(target: "audit", repository = %target.name, tags, manifests, "Removed by command");
        }
        Ok(Report::Removed(Removed::new(removal, dry_run)))
    }

    async fn back_up(&self, place: Place, watch: &Watch) -> Result<Report, Error> {
        let (place, unseen) = spawn_blocking(move || {
            let unseen = place.unseen().map(ToOwned::to_owned);
            (place, unseen)
        })
        .await?;
        if let Some(dir) = unseen {
            return Err(Error::Elsewhere { dir });
        }
        let dir = place.dir().to_owned();
        let work = self
            .0
            .parts
            .upkeep
            .back_up(dir, &watch.stop, watch.progress());
        Ok(Report::BackedUp(work.await?.into()))
    }

    async fn collect(&self, dry_run: bool, watch: &Watch) -> Result<Report, Error> {
        let work = self
            .0
            .parts
            .upkeep
            .collect(dry_run, &watch.stop, watch.progress());
        Ok(Report::Collected(Collected::new(&work.await?, dry_run)))
    }

    async fn reindex(&self, watch: &Watch) -> Result<Report, Error> {
        let work = self.0.parts.upkeep.reindex(&watch.stop, watch.progress());
        let repositories = work.await?;
        Ok(Report::Reindexed(Reindexed { repositories }))
    }

    async fn scrub(&self, watch: &Watch) -> Result<Report, Error> {
        let upkeep = &self.0.parts.upkeep;
        let work = upkeep.scrub(ScrubOptions::default(), &watch.stop, watch.progress());
        Ok(Report::Scrubbed(work.await?.into()))
    }

    async fn count(&self) -> Result<Report, Error> {
        let store = &self.0.parts.store;
        let (stat, usage) = (store.stat().await?, store.usage().await?);
        Ok(Report::Store(StoreContent::new(&stat, usage)))
    }
}

/// Why a command failed, before it is put into words for a person.
#[derive(Debug, Error)]
enum Error {
    #[error(transparent)]
    Certificates(#[from] roadstead_certs::Error),
    #[error("{} is not the directory that it is here, or none", dir.display())]
    Elsewhere { dir: PathBuf },
    #[error(transparent)]
    Cluster(#[from] Box<cluster::Error>),
    #[error(transparent)]
    Media(MediaError),
    #[error(transparent)]
    Mirroring(MirrorError),
    #[error("there is no such repository, tag or manifest")]
    NotThere,
    #[error("the work ended by a fault of this program")]
    Panicked(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Releases(Box<ReleasesError>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shown(#[from] WriteConfig),
    #[error(transparent)]
    Users(#[from] UsersError),
}

impl From<ReleasesError> for Error {
    fn from(error: ReleasesError) -> Self {
        Self::Releases(Box::new(error))
    }
}

impl Error {
    fn describe(&self, attempted: &Command) -> Failure {
        match self {
            Self::Media(MediaError::Stopped) | Self::Mirroring(MirrorError::Stopped) => {
                return attempted.stopped();
            }
            Self::Media(error) => return error.describe(&attempted.to_string()),
            Self::Releases(error) => return error.describe(&attempted.to_string()),
            Self::Mirroring(error) => return error.describe(&attempted.to_string()),
            _ => {}
        }
        let failure = Failure::because(attempted.to_string(), self as &(dyn StdError + 'static));
        if let (Command::StoreBackup { place }, Self::Store(error)) = (attempted, self)
            && let Some(hint) = place.way_out(error)
        {
            return failure.hint(hint);
        }
        match self {
            Self::Cluster(error) => match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            },
            Self::Elsewhere { .. } => {
                failure.hint("a service has a /tmp of its own and no /home: name a place elsewhere")
            }
            Self::NotThere => failure.hint("`roadstead repo list` shows what there is"),
            Self::Store(StoreError::BackingUp) => failure.hint("wait until it is done"),
            Self::Store(StoreError::Stopped) => attempted.stopped(),
            Self::Store(StoreError::IndexNotReady) => failure.hint("try again in a moment"),
            Self::Users(UsersError::OtherRole { .. }) => {
                failure.hint("--user names another, which is made if there is none")
            }
            Self::Users(UsersError::Taken { .. }) => {
                failure.hint("`roadstead user password` changes a password")
            }
            Self::Users(UsersError::Unknown { .. }) => {
                failure.hint("`roadstead user list` shows who there is")
            }
            _ => failure,
        }
    }
}
