//! The long work that keeps a store in order: collection, trimming, scrub, a new index, a backup.
//!
//! A command may ask for it as well as a worker of the server. Either way it ends early when its token
//! is cancelled or its future dropped; when it ends it is counted, and what it found lost is logged, here.
//! Knows nothing of when it is due and of how it is told to people.

use std::fmt::{self, Debug, Formatter, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use roadstead_mirror::Found;
use roadstead_storage::{
    Affected, BackedUp, Collected, Error, Lost, Outcome, Phase, Progress, ScrubOptions, Scrubbed,
    Store, Trimmed,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::report::chain;
use crate::telemetry::upkeep::Counts;
use crate::upstreams::Upstreams;

/// How many things a line of the log names; the report of the command names all.
const MAX_NAMED: usize = 20;

/// How long somebody who collects metrics waits for the room to be measured.
const MEASURE_DEADLINE: Duration = Duration::from_secs(1);

/// The long work on one store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Upkeep {
    store: Store,
    counts: Counts,
    /// Whom to ask for what is lost.
    upstreams: Option<Upstreams>,
}

impl Upkeep {
    /// The upkeep of `store`, counted in `counts`.
    pub(crate) fn new(store: Store, counts: Counts) -> Self {
        Self {
            store,
            counts,
            upstreams: None,
        }
    }

    /// The same, which asks these upstreams again for what a scrub finds lost.
    pub(crate) fn mending_from(mut self, upstreams: Upstreams) -> Self {
        self.upstreams = Some(upstreams);
        self
    }

    /// Copies the store as it is now into `dir`.
    ///
    /// # Errors
    /// As [`Store::backup`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted; the next one goes on.
    pub(crate) async fn back_up(
        &self,
        dir: PathBuf,
        stop: &CancellationToken,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<BackedUp, Error> {
        let outcome = until(stop, |flag| self.store.backup(dir, flag, progress)).await;
        self.counts.backup(&outcome);
        outcome
    }

    /// Takes away what nothing needs, or says what that would be.
    ///
    /// # Errors
    /// As [`Store::collect`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted; the next one goes on.
    pub(crate) async fn collect(
        &self,
        dry_run: bool,
        stop: &CancellationToken,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Collected, Error> {
        let outcome = until(stop, |flag| self.store.collect(dry_run, flag, progress)).await;
        if !dry_run {
            self.counts.collection(&outcome);
        }
        outcome
    }

    /// Makes room, if the store is tight. The store logs what goes.
    ///
    /// # Errors
    /// As [`Store::trim`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted; the next one goes on.
    pub(crate) async fn trim(&self, stop: &CancellationToken) -> Result<Trimmed, Error> {
        let trimmed = until(stop, |flag| self.store.trim(flag, |_| {})).await?;
        self.counts.trim(&trimmed);
        Ok(trimmed)
    }

    /// Waits until the store is tight, for one who then makes room.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn until_tight(&self) {
        self.store.until_tight().await;
    }

    /// Measures what room the store has, for the metrics. What takes long, as the first count of a
    /// large store does, goes on without being waited for; until it is done the last numbers stay.
    ///
    /// # Cancel safety
    /// Reads only.
    pub(crate) async fn measure(&self) {
        match timeout(MEASURE_DEADLINE, self.store.usage()).await {
            Ok(Ok(usage)) => self.counts.space(usage),
            Ok(Err(error)) => warn!(error = %chain(&error), "Could not measure the room"),
            Err(_) => {}
        }
    }

    /// Reads everything again, logs what is lost, and asks the upstreams that it came through for it. What
    /// they send comes by itself then; nobody waits for it.
    ///
    /// # Errors
    /// As [`Store::scrub`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step and is not counted. What it set aside or mended stays so.
    pub(crate) async fn scrub(
        &self,
        options: ScrubOptions,
        stop: &CancellationToken,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Scrubbed, Error> {
        let counts = self.counts.clone();
        let mut counted = 0;
        // As they are read: a slow scrub takes days.
        let count = move |step: Progress| {
            if step.phase == Phase::Hash {
                counts.scrubbed(step.done.saturating_sub(counted));
                counted = step.done;
            }
            progress(step);
        };
        let outcome = until(stop, |flag| self.store.scrub(options, flag, count)).await;
        self.counts.scrub(&outcome);
        if let Ok(scrubbed) = &outcome {
            tell_losses(scrubbed);
            // As far as it has come, the rest is left to whoever asks for the content.
            let _ = stop.run_until_cancelled(self.mend(&scrubbed.lost)).await;
        }
        outcome
    }

    async fn mend(&self, lost: &[Lost]) {
        let Some(upstreams) = &self.upstreams else {
            return;
        };
        let sources = upstreams.sources();
        for lost in lost {
            let Lost {
                repository: repo,
                digest,
                is_manifest,
            } = lost;
            let Some(Found { source, place }) = sources.find(repo) else {
                continue;
            };
            if !source.allows(&place.remote) {
                continue;
            }
            let upstream = &source.pull_through;
            let asked = if *is_manifest {
                upstream.repair_manifest(&place, *digest).await
            } else {
                upstream.repair_blob(&place, *digest).await
            };
            match asked {
                Ok(()) => info!(%repo, %digest, "An upstream sends lost content again"),
                Err(error) => {
                    warn!(%repo, %digest, error = %chain(&error), "No upstream sends lost content again");
                }
            }
        }
    }

    /// Builds the index anew and says how many repositories it lists.
    ///
    /// # Errors
    /// As [`Store::reindex`].
    ///
    /// # Cancel safety
    /// Dropped, it stops at its next step; whoever keeps the index then builds it.
    pub(crate) async fn reindex(
        &self,
        stop: &CancellationToken,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<u64, Error> {
        let listed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&listed);
        let count = move |step: Progress| {
            counter.store(step.done, Ordering::Relaxed);
            progress(step);
        };
        until(stop, |flag| self.store.reindex(flag, count)).await?;
        Ok(listed.load(Ordering::Relaxed))
    }
}

impl Debug for Upkeep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { store, counts, .. } = self;
        let mut shown = f.debug_struct("Upkeep");
        shown.field("store", store).field("counts", counts);
        shown.finish_non_exhaustive()
    }
}

/// The flag that work on the blocking pool looks at; dropping this raises it.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits for work that ends early when its flag is raised: by `stop`, or because nobody waits any more.
async fn until<F: Future>(
    stop: &CancellationToken,
    begin: impl FnOnce(Arc<AtomicBool>) -> F,
) -> F::Output {
    let flag = Flag(Arc::default());
    let mut work = pin!(begin(Arc::clone(&flag.0)));
    if let Some(done) = stop.run_until_cancelled(work.as_mut()).await {
        return done;
    }
    drop(flag);
    work.await
}

fn tell_losses(scrubbed: &Scrubbed) {
    let losses = scrubbed.defects.iter();
    for loss in losses.filter(|defect| defect.outcome == Outcome::Lost) {
        error!(
            path = %loss.path.display(),
            problem = %loss.problem,
            affects = names(&loss.affects),
            "Lost content"
        );
    }
}

/// The first names of a list, and how many more there are.
fn names(affected: &[Affected]) -> String {
    let named: Vec<_> = affected
        .iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect();
    let mut text = named.join(" ");
    if affected.len() > MAX_NAMED {
        let _ = write!(text, " and {} more", affected.len() - MAX_NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Poll;

    use roadstead_certs::provider;
    use roadstead_storage::oci::{Algorithm, Digest, Manifest, RepoName};
    use roadstead_storage::{Clock, Config, Fetch, Origin, Principal, Put};
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::ProxyVariables;
    use crate::shutdown::Tasks;
    use crate::telemetry::Metrics;

    /// Work that never ends but by its flag.
    async fn heed(flag: Arc<AtomicBool>) {
        while !flag.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_is_waited_for_after_the_order_to_stop() {
        let stop = CancellationToken::new();
        let work = until(&stop, heed);
        let cancel = async { stop.cancel() };
        tokio::join!(work, cancel);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_told_to_stop() {
        let stop = CancellationToken::new();
        let mut given = None;
        {
            let mut work = pin!(until(&stop, |flag| {
                given = Some(flag);
                pending::<()>()
            }));
            let first = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
            assert!(first.await.is_pending());
        }
        assert!(given.is_some_and(|flag| flag.load(Ordering::Relaxed)));
    }

    /// Brings an image of one blob into the repository as pull-through does.
    async fn bring(store: &Store, name: &RepoName, blob: &'static str) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, blob.as_bytes());
        let Fetch::Begun(mut fetch) = store.fetch(digest).await.unwrap() else {
            panic!("nobody else fetches it");
        };
        fetch.append(blob.into()).await.unwrap();
        fetch.commit(name).await.unwrap();
        let size = blob.len();
        let config = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size}}}"#);
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#);
        let kind = Some("application/vnd.oci.image.manifest.v1+json");
        let manifest = Manifest::parse(kind, text.into()).unwrap();
        let put = Put {
            digest: manifest.digest(Algorithm::Sha256),
            manifest,
            tags: Vec::new(),
            origin: Origin::PulledThrough,
            by: Principal::new("upstream"),
        };
        store.repo(name).put_manifest(put).await.unwrap();
        digest
    }

    /// Answers every request on the socket with this body.
    async fn answer(socket: TcpListener, body: &'static str) {
        loop {
            let (mut peer, _) = socket.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(peer.read_u8().await.unwrap());
            }
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            peer.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_a_scrub_finds_lost_is_asked_of_its_upstream_again() {
        const BLOB: &str = "content";
        provider::install();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let dir = TempDir::new().unwrap();
        let store = Store::create_or_open(Config::new(dir.path())).await;
        let (store, tasks, metrics) = (store.unwrap(), Tasks::new(), Metrics::new());
        let name: RepoName = "up.example/a".parse().unwrap();
        let digest = bring(&store, &name, BLOB).await;
        let hex = digest.hex();
        let file = dir.path().join("blobs/sha256").join(&hex[..2]).join(&hex);
        std::fs::write(file, "damaged").unwrap();

        let (clock, proxies) = (Clock::system(), ProxyVariables::default());
        let counts = metrics.upstreams();
        let upstreams = Upstreams::new(store.clone(), clock, &tasks, proxies, counts);
        let text = format!(
            "[[upstream]]\nname = 'up.example'\nurls = ['http://127.0.0.1:{port}']\npull_through = true"
        );
        let configured = crate::config::tests::read(&text).unwrap().upstreams;
        upstreams.reload(&configured).unwrap();
        let upkeep = Upkeep::new(store.clone(), metrics.upkeep()).mending_from(upstreams);
        let stop = CancellationToken::new();
        let mended = async {
            let scrubbed = upkeep.scrub(ScrubOptions::default(), &stop, |_| {}).await;
            assert_eq!(scrubbed.unwrap().lost.len(), 1);
            if let Fetch::Joined(mut reader) = store.fetch(digest).await.unwrap() {
                reader.done().await.unwrap();
            }
            store.repo(&name).blob(digest).await.unwrap()
        };
        tokio::select! {
            blob = mended => assert!(blob.is_some(), "it is here again"),
            () = answer(socket, BLOB) => {}
        }
    }

    #[test]
    fn a_line_of_the_log_names_only_so_many() {
        let affected = Affected {
            repository: "a/b".parse().unwrap(),
            reference: "1".parse().unwrap(),
        };
        assert_eq!(names(std::slice::from_ref(&affected)), "a/b:1");
        let text = names(&vec![affected; MAX_NAMED + 3]);
        assert!(text.ends_with("a/b:1 and 3 more"), "{text}");
    }
}
