//! Commands about other registries: copy images, run jobs, tell how jobs stand.
//!
//! Owns the waiting for what goes on, and what is told of it. What a command line means is found out
//! beside, and what is copied and how is others'.

mod error;
mod meaning;
mod openshift;
mod work;

use std::net::SocketAddr;

use roadstead_storage::Store;
use tokio::task::spawn_blocking;

pub(super) use self::error::Error;
use self::meaning::Meaning;
pub(super) use self::meaning::Names;
use crate::admin::command::WantedJobs;
use crate::admin::report::{About, Jobs, Ran, RanJob, Report};
use crate::admin::wanted::Wanted;
use crate::admin::watch::Watch;
use crate::jobs::execution::Parts as JobParts;
use crate::jobs::progress::Progress;
use crate::jobs::record::Ended;
use crate::jobs::roster::Roster;
use crate::jobs::work::Follower;
use crate::upstreams::Upstreams;

/// What commands about other registries touch.
pub(crate) struct Mirroring {
    /// Where content comes from.
    pub(crate) upstreams: Upstreams,
    /// The jobs of the configuration.
    pub(crate) roster: Roster,
    /// Where the registry listens, or would.
    bound: Vec<SocketAddr>,
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
        let (upstreams, bound) = (self.upstreams.clone(), self.bound.clone());
        let order = spawn_blocking(move || {
            let meaning = Meaning::new(&upstreams, &names, &bound);
            meaning.order(wanted)
        });
        let order = order.await??;
        if is_dry {
            return work::planned(store, order, About::default(), watch).await;
        }
        work::copied(store, order, About::default(), watch).await
    }

    /// Runs jobs, or waits for those that run, until all have ended; or says what that would come to.
    pub(super) async fn run(&self, wanted: WantedJobs, watch: &Watch) -> Result<Report, Error> {
        let jobs = self.named(wanted.names)?;
        if wanted.dry_run {
            return self.plan(jobs, watch).await;
        }
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
        Ok(Report::Ran(Ran::Ended { jobs: ran }))
    }

    /// Says what running jobs would come to. Those that run are not disturbed.
    async fn plan(&self, jobs: Vec<String>, watch: &Watch) -> Result<Report, Error> {
        let copies: Vec<_> = jobs.iter().map(|_| Progress::default()).collect();
        let work = async {
            let mut plans = Vec::new();
            for (name, progress) in jobs.into_iter().zip(&copies) {
                match self.roster.plan(&name, progress, &watch.stop).await {
                    Some(Ok(Some(plan))) => plans.push((name, Ok(plan))),
                    Some(Ok(None)) => return Err(Error::Stopped),
                    Some(Err(because)) => plans.push((name, Err(because))),
                    // A new configuration took it away a moment ago.
                    None => {}
                }
            }
            Ok(Report::Ran(Ran::planned(plans)))
        };
        watch.look_on(&copies, work).await
    }

    /// The jobs of these names, each once; all, if there are no names.
    fn named(&self, mut names: Vec<String>) -> Result<Vec<String>, Error> {
        let known = self.roster.names();
        if known.is_empty() {
            return Err(Error::NoJobs);
        }
        if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
            let name = unknown.clone();
            return Err(Error::UnknownJob { name, known });
        }
        if names.is_empty() {
            return Ok(known);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Tells how the jobs stand.
    pub(super) fn status(&self) -> Report {
        let jobs = self.roster.standings().into_iter();
        Report::Jobs(Jobs {
            jobs: jobs.map(Into::into).collect(),
        })
    }
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
