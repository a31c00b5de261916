//! Commands about other registries: copy images, run jobs, tell how jobs stand.
//!
//! Owns what a command line means where it does not say all: the destination among the sources, and
//! where content goes. What is copied and how is others'. Invariant: what cannot be meant is refused
//! before anything is asked of a registry.

use std::net::SocketAddr;
use std::sync::Arc;

use roadstead_mirror::InvalidCredentials;
use roadstead_mirror::job::{Order, Selection, SourceRef};
use roadstead_storage::oci::{RepoName, Tag};
use roadstead_storage::{Principal, Store};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};

use crate::admin::failure::{Exit, Failure};
use crate::admin::report::{Jobs, Mirrored, Planned, Ran, RanJob, Report};
use crate::admin::wanted::{AuthFile, Destination, Wanted};
use crate::admin::watch::Watch;
use crate::config::Config;
use crate::config::address::Address;
use crate::jobs::copy::{copy, plan};
use crate::jobs::execution::Parts as JobParts;
use crate::jobs::order::{self, Draft};
use crate::jobs::progress::Progress;
use crate::jobs::record::Ended;
use crate::jobs::roster::Roster;
use crate::jobs::work::Follower;
use crate::upstreams::{Login, Upstreams};

/// Who copies by command, as records and the log have it.
const BY: &str = "mirror image";

/// What commands about other registries touch.
#[derive(Clone)]
pub(crate) struct Mirroring {
    /// Where content comes from.
    pub(crate) upstreams: Upstreams,
    /// The jobs of the configuration.
    pub(crate) roster: Roster,
    /// Where the registry listens, or would.
    bound: Vec<SocketAddr>,
}

/// What this registry is called.
pub(super) struct Names {
    /// What is configured.
    pub(super) config: Arc<Config>,
    /// How it is reached, where that is known.
    pub(super) address: Option<Address>,
}

impl Mirroring {
    /// The upstreams of these jobs, and jobs, of which there are none yet, of a registry that listens
    /// there.
    pub(crate) fn new(jobs: JobParts, bound: Vec<SocketAddr>) -> Self {
        Self {
            upstreams: jobs.upstreams.clone(),
            roster: Roster::new(jobs),
            bound,
        }
    }

    /// Copies images, or says what that would come to.
    pub(super) async fn image(
        &self,
        store: &Store,
        names: Names,
        wanted: Wanted,
        watch: &Watch,
    ) -> Result<Report, Error> {
        let is_dry = wanted.dry_run;
        let mirroring = self.clone();
        let order = spawn_blocking(move || mirroring.order(&names, wanted)).await??;
        let progress = Progress::default();
        let copies = [progress.clone()];
        if is_dry {
            let work = plan(store, order, &progress, &watch.stop);
            let plan = watch.look_on(&copies, work).await?;
            let plan = plan.ok_or(Error::Stopped)?;
            let dry_run = true;
            return Ok(Report::Planned(Box::new(Planned { dry_run, plan })));
        }
        let work = copy(store, order, &progress, &watch.stop);
        let outcome = watch.look_on(&copies, work).await?;
        let mirrored = Mirrored::from(outcome);
        if mirrored.result == Ended::Stopped {
            return Err(Error::Stopped);
        }
        Ok(Report::Mirrored(Box::new(mirrored)))
    }

    /// Runs jobs, or waits for those that run, until all have ended.
    pub(super) async fn run(&self, mut jobs: Vec<String>, watch: &Watch) -> Result<Report, Error> {
        let known = self.roster.names();
        if known.is_empty() {
            return Err(Error::NoJobs);
        }
        if jobs.is_empty() {
            jobs.clone_from(&known);
        }
        if let Some(unknown) = jobs.iter().find(|name| !known.contains(name)) {
            let name = unknown.clone();
            return Err(Error::UnknownJob { name, known });
        }
        jobs.sort();
        jobs.dedup();
        let mut runs = Vec::new();
        for name in jobs {
            // One that a new configuration took away a moment ago is no longer to be run.
            if let Some(follower) = self.roster.run(&name).await {
                runs.push((name, follower));
            }
        }
        let copies: Vec<_> = runs.iter().map(|(_, run)| run.progress().clone()).collect();
        let ran = watch.look_on(&copies, all_ended(runs, watch)).await?;
        if ran.iter().any(|job| job.run.result == Ended::Stopped) {
            return Err(Error::Stopped);
        }
        Ok(Report::Ran(Ran { jobs: ran }))
    }

    /// Tells how the jobs stand.
    pub(super) fn status(&self) -> Report {
        let jobs = self.roster.standings().into_iter();
        Report::Jobs(Jobs {
            jobs: jobs.map(Into::into).collect(),
        })
    }

    /// Puts the order together. Blocks.
    fn order(&self, ours: &Names, wanted: Wanted) -> Result<Order, Error> {
        let Wanted {
            mut named,
            mut to,
            listed,
            platforms,
            skip_missing,
            dry_run: _,
            auth,
        } = wanted;
        if to.is_none() && named.len() > 1 && self.is_ours(ours, last(&named).registry()) {
            let source = named.pop().expect("there are several");
            to = Some(Destination::of_source(&source).ok_or(Error::Destination)?);
        }
        self.check_destination(ours, &named, to.as_ref())?;
        let login = login(auth.as_ref())?;
        let mut draft = Draft::new(&self.upstreams, login, Principal::new(BY))
            .for_platforms(&platforms)
            .skipping_missing(skip_missing);
        let on_the_line = named.iter().map(|source| (source, to.as_ref()));
        let in_the_list = listed.iter().map(|line| (&line.source, line.to.as_ref()));
        for (source, to) in on_the_line.chain(in_the_list) {
            if self.is_ours(ours, source.registry()) {
                let source = source.to_string();
                return Err(Error::OwnSource { source_ref: source });
            }
            self.check_destination(ours, std::slice::from_ref(source), to)?;
            draft.want(source, to.map(place))?;
        }
        Ok(draft.finish())
    }

    /// Whether sources can go where they shall.
    fn check_destination(
        &self,
        names: &Names,
        sources: &[SourceRef],
        to: Option<&Destination>,
    ) -> Result<(), Error> {
        let Some(to) = to else {
            return Ok(());
        };
        if let Some(registry) = &to.registry
            && !self.is_ours(names, registry)
        {
            let registry = registry.clone();
            return Err(Error::OtherRegistry { registry });
        }
        let mut repositories = sources.iter().map(|it| (it.registry(), it.repository()));
        let first = repositories.next();
        if repositories.any(|other| Some(other) != first) {
            return Err(Error::SeveralRepositories);
        }
        let is_one = |source: &SourceRef| !matches!(source.selection(), Selection::Matching(_));
        if to.tag.is_some() && !(sources.len() == 1 && sources.iter().all(is_one)) {
            return Err(Error::SeveralTags);
        }
        Ok(())
    }

    /// Whether this registry is meant: by its address, or by a name of this machine and a port that it
    /// listens on.
    fn is_ours(&self, names: &Names, registry: &str) -> bool {
        let Ok(meant) = registry.parse::<Address>() else {
            return false;
        };
        let mut ports = self.bound.iter().map(SocketAddr::port);
        names.address.as_ref() == Some(&meant)
            || ports.any(|port| port == meant.port())
                && names.config.certificate_names().contains(meant.host())
    }
}

fn last(sources: &[SourceRef]) -> &SourceRef {
    sources
        .last()
        .expect("it was asked whether there are several")
}

fn place(to: &Destination) -> (RepoName, Option<Tag>) {
    (to.repository.clone(), to.tag.clone())
}

fn login(auth: Option<&AuthFile>) -> Result<Login, InvalidCredentials> {
    let Some(auth) = auth else {
        return Ok(Login::Configured);
    };
    let credentials = auth.credentials()?;
    Ok(if auth.is_given {
        Login::Given(credentials)
    } else {
        Login::Found(credentials)
    })
}

/// Waits for the end of all runs. When whoever waits is told to stop, so are they.
async fn all_ended(runs: Vec<(String, Follower)>, watch: &Watch) -> Result<Vec<RanJob>, Error> {
    let mut ran = Vec::new();
    let mut runs = runs.into_iter();
    while let Some((name, mut run)) = runs.next() {
        let ended = watch.stop.run_until_cancelled(run.ended()).await;
        if ended.is_none() {
            run.let_go();
            let others = runs.as_mut_slice().iter_mut();
            others.for_each(|(_, run)| run.let_go());
        }
        match run.ended().await {
            Some(finished) => ran.push(RanJob::new(name, &finished)),
            None => return Err(Error::Broken { name }),
        }
    }
    Ok(ran)
}

/// Why there is nothing to report.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("the job {name} ended by a fault of this program")]
    Broken { name: String },
    #[error("read the credentials")]
    Credentials(#[from] InvalidCredentials),
    #[error("the last image stands for this registry, and is no destination in it")]
    Destination,
    #[error("the configuration has no [[sync]] section")]
    NoJobs,
    #[error("put the order together")]
    Order(#[from] order::Error),
    #[error("{registry} is not this registry")]
    OtherRegistry { registry: String },
    #[error("{source_ref} is in this registry already")]
    OwnSource { source_ref: String },
    #[error("the work ended by a fault of this program")]
    Panicked(#[from] JoinError),
    #[error("find out what there is")]
    Plan(#[from] Arc<roadstead_mirror::Error>),
    #[error("one destination stands for several repositories")]
    SeveralRepositories,
    #[error("one tag stands for several images")]
    SeveralTags,
    #[error("it was stopped")]
    Stopped,
    #[error("there is no job {name}")]
    UnknownJob { name: String, known: Vec<String> },
}

impl Error {
    /// The failure that this is for whoever attempted something.
    pub(super) fn describe(&self, attempt: &str) -> Failure {
        let failure = Failure::because(attempt, self);
        match self {
            Self::Destination | Self::OwnSource { .. } | Self::SeveralTags => {
                failure.exit(Exit::Usage)
            }
            Self::NoJobs => failure.hint("the configuration file says what is to be synced"),
            Self::OtherRegistry { .. } => {
                let hint = "write a place here without a registry, or with this one's address";
                failure.hint(hint).exit(Exit::Usage)
            }
            Self::SeveralRepositories => {
                let hint = "a file for -f has a destination of its own on each line";
                failure.hint(hint).exit(Exit::Usage)
            }
            Self::UnknownJob { known, .. } => {
                let hint = format!("there are {}", known.join(", "));
                failure.hint(hint).exit(Exit::Usage)
            }
            _ => failure,
        }
    }
}
