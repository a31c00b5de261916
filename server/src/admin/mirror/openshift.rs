//! Commands about what there is only in `OpenShift`: copy a release, copy or list samples.
//!
//! Owns in which order things happen. What a release is and whether it is believed is found out by
//! `jobs::release`, which samples there are by `jobs::samples`. Invariant: nothing is copied of what is
//! not believed.

use std::time::SystemTime;

use roadstead_mirror::job::Order;
use roadstead_mirror::openshift::{Layout, Streams};
use roadstead_storage::{Principal, Store};
use tokio::task::spawn_blocking;

use super::error::Error;
use super::meaning::{Meaning, Names, login};
use super::work;
use crate::admin::mirror::Mirroring;
use crate::admin::release::trust::GivenTrust;
use crate::admin::report::{About, Report, SampleStreams};
use crate::admin::wanted::{SamplesOf, WantedRelease, WantedSamples, WantedStreams};
use crate::admin::watch::Watch;
use crate::jobs::order::{Draft, Error as OrderError};
use crate::jobs::release::Seeker;
use crate::jobs::samples::{Samples, of_release};
use crate::upstreams::{Login, Trust, Upstreams};

/// Who copies by command, as records and the log have it.
const BY_RELEASE: &str = "mirror release";
const BY_SAMPLES: &str = "mirror samples";
/// What samples are remembered as that no release says.
const OF_CONFIG_MAP: &str = "configmap";

impl Mirroring {
    /// Copies a release, or says what that would come to.
    pub(in crate::admin) async fn release(
        &self,
        store: &Store,
        names: Names,
        wanted: WantedRelease,
        now: SystemTime,
        watch: &Watch,
    ) -> Result<Report, Error> {
        let layout = match &wanted.to {
            Some(to) => {
                let meaning = Meaning::new(&self.upstreams, &names, &self.bound);
                Layout::single(meaning.repository(to)?)
            }
            None => Layout::default(),
        };
        let login = login(wanted.auth.as_ref())?;
        let search = self.search(wanted.trust, login, now).await?;
        let seeker = search.seeker(store, &self.upstreams);
        let believed = Box::pin(seeker.believe(wanted.release, layout));
        let believed = watch.stop.run_until_cancelled(believed).await;
        let believed = believed.ok_or(Error::Stopped)?.map_err(Box::new)?;
        let about = About {
            release: Some(believed.summary()),
            streams: None,
        };
        let order = {
            let believed = believed.clone();
            self.order(search.login.clone(), BY_RELEASE, move |draft| {
                draft.want_release(&believed)
            })
        };
        let order = order.await?;
        if wanted.dry_run {
            return work::planned(store, order, about, watch).await;
        }
        believed.keep(store).await.map_err(Box::new)?;
        work::copied(store, order, about, watch).await
    }

    /// Copies samples, or lists them, or says what copying would come to.
    pub(in crate::admin) async fn samples(
        &self,
        store: &Store,
        wanted: WantedSamples,
        now: SystemTime,
        watch: &Watch,
    ) -> Result<Report, Error> {
        let login = login(wanted.auth.as_ref())?;
        let (name, streams) = match wanted.listed_by {
            SamplesOf::ConfigMap { text } => (
                OF_CONFIG_MAP.to_owned(),
                Streams::of_config_map(&text).map_err(Box::new)?,
            ),
            SamplesOf::Release {
                release,
                arch,
                trust: given,
            } => {
                let search = self.search(given, login.clone(), now).await?;
                let seeker = search.seeker(store, &self.upstreams);
                let found = Box::pin(async {
                    let believed = seeker.believe(release, Layout::default()).await;
                    let believed = believed.map_err(Box::new)?;
                    let streams = of_release(seeker, &believed, arch).await;
                    let streams = streams.map_err(Box::new)?;
                    Ok::<_, Error>((believed.name(), streams))
                });
                let found = watch.stop.run_until_cancelled(found).await;
                found.ok_or(Error::Stopped)??
            }
        };
        let samples = Samples::new(&streams, wanted.to.as_ref());
        let samples = match wanted.streams {
            WantedStreams::All => samples,
            WantedStreams::Named(names) => samples.only(&names).map_err(|name| {
                let known = streams.iter().map(|(known, _)| known.to_owned()).collect();
                Error::UnknownStream { name, known }
            })?,
            WantedStreams::None => {
                let streams = samples.states(store).await.map_err(Box::new)?;
                return Ok(Report::Streams(SampleStreams { streams }));
            }
        };
        let order = {
            let samples = samples.clone();
            self.order(login, BY_SAMPLES, move |draft| draft.want_samples(&samples))
        };
        let order = order.await?;
        if wanted.dry_run {
            let about = about(store, &samples).await?;
            return work::planned(store, order, about, watch).await;
        }
        // All that the source has, so that clusters are told to skip what was not wanted.
        Samples::new(&streams, wanted.to.as_ref())
            .keep(store, &name)
            .await
            .map_err(Box::new)?;
        let outcome = work::copy(store, order, watch).await?;
        let about = about(store, &samples).await?;
        work::mirrored(outcome, about)
    }

    /// What a release is looked for with: who is named on the command line is believed, and else who is
    /// configured.
    async fn search(
        &self,
        given: GivenTrust,
        login: Login,
        now: SystemTime,
    ) -> Result<Search, Error> {
        let allows_unsigned = given.allow_unsigned;
        let upstreams = self.upstreams.clone();
        let trust = spawn_blocking(move || upstreams.trust().with(&given)).await??;
        Ok(Search {
            login,
            trust,
            allows_unsigned,
            now,
        })
    }

    /// An order of what `want` wants.
    async fn order<F>(&self, login: Login, by: &'static str, want: F) -> Result<Order, Error>
    where
        F: FnOnce(&mut Draft<'_>) -> Result<(), OrderError> + Send + 'static,
    {
        let upstreams = self.upstreams.clone();
        let order = spawn_blocking(move || {
            let mut draft = Draft::new(&upstreams, login, Principal::new(by));
            want(&mut draft)?;
            Ok::<_, OrderError>(draft.finish())
        });
        Ok(order.await??)
    }
}

/// What a release is looked for with.
struct Search {
    login: Login,
    trust: Trust,
    allows_unsigned: bool,
    now: SystemTime,
}

impl Search {
    fn seeker<'a>(&'a self, store: &'a Store, upstreams: &'a Upstreams) -> Seeker<'a> {
        Seeker {
            store,
            upstreams,
            login: &self.login,
            trust: &self.trust,
            allows_unsigned: self.allows_unsigned,
            now: self.now,
        }
    }
}

async fn about(store: &Store, samples: &Samples) -> Result<About, Error> {
    Ok(About {
        release: None,
        streams: Some(samples.states(store).await.map_err(Box::new)?),
    })
}
