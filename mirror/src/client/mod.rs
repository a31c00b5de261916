//! The client of an upstream: manifests, blobs and listings, from whichever of its locations has them.
//!
//! Locations are asked in order, and the next one when one fails or does not have it: each is the same
//! registry or a mirror of it. What passes is tried again, as long as whoever waits has the patience.
//! Invariant: a manifest asked for by its digest has that digest, whatever an upstream's headers say.

mod blob;
mod challenge;
mod listing;
mod login;
mod manifest;
mod pace;
mod page;
mod quota;
mod scope;
mod site;
mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

pub use self::blob::BlobStream;
pub use self::manifest::Fetched;
pub(crate) use self::pace::backoff;
use self::site::{Question, Site};
use crate::error::{Error, Retry, Side};
use crate::net::Answer;
use crate::note::{Cause, Note, Notes, Reply};
use crate::upstream::Upstream;

/// Asks one upstream; clones share its connections, logins and pauses.
#[derive(Clone)]
pub struct Client {
    name: Arc<str>,
    sites: Arc<[Arc<Site>]>,
    cause: Cause,
    notes: Notes,
}

/// How long somebody is ready to wait for an upstream that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A job: several attempts, and pauses as the upstream wants them.
    Job,
    /// A client of ours: it waits no longer than one more attempt takes.
    Request,
}

impl Patience {
    fn attempts(self) -> u32 {
        match self {
            Self::Job => 6,
            Self::Request => 2,
        }
    }

    /// The longest pause that an upstream may ask for.
    fn bears(self, pause: Duration) -> bool {
        match self {
            Self::Job => pause <= Duration::from_mins(15),
            Self::Request => pause <= Duration::from_millis(500),
        }
    }
}

impl Client {
    /// A client of this upstream. Nothing is asked yet.
    pub fn new(upstream: &Upstream) -> Self {
        Self {
            name: upstream.name.as_str().into(),
            sites: Site::all(upstream).into(),
            cause: Cause::Job,
            notes: Notes::default(),
        }
    }

    /// The same, telling what happens.
    #[must_use]
    pub fn noting(mut self, notes: Notes) -> Self {
        self.notes = notes;
        self
    }

    /// The same, asking for this cause.
    #[must_use]
    pub(crate) fn because(&self, cause: Cause) -> Self {
        Self {
            cause,
            ..self.clone()
        }
    }

    /// Where it tells what happens.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// What image references call the upstream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks one location, and tells that.
    async fn put(&self, site: &Site, question: &Question<'_>) -> Result<Answer, Error> {
        let asked = site.ask(question).await;
        let reply = match &asked {
            Ok(_) => Reply::Answered,
            // Nobody was asked.
            Err(Error::Paused { .. }) => return asked,
            Err(Error::NotFound { .. }) => Reply::NotFound,
            Err(Error::Login { .. }) => Reply::Refused,
            Err(Error::Answer { status, .. }) if status.is_client_error() => Reply::Refused,
            Err(_) => Reply::Failed,
        };
        let cause = self.cause;
        self.notes.tell(Note::Asked { cause, reply });
        if let Some(left) = asked
            .as_ref()
            .ok()
            .and_then(|answer| site.allowance(answer))
        {
            self.notes.tell(Note::Allowance { left });
        }
        asked
    }

    /// Asks until it is answered, or nobody wants to wait any longer.
    async fn ask<T, F>(
        &self,
        patience: Patience,
        attempt: impl Fn(Arc<Site>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut count = 0;
        loop {
            let error = match self.ask_each(&attempt).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = match error.retry() {
                Retry::No => return Err(error),
                Retry::Now => backoff(count),
                Retry::After(pause) => pause.max(backoff(count)),
            };
            count += 1;
            if count >= patience.attempts() || !patience.bears(pause) {
                return Err(error);
            }
            debug!(upstream = %self.name, %error, ?pause, "Asking an upstream again");
            sleep(pause).await;
        }
    }

    /// Asks each location once, and says what the first one said that could not help but failed.
    async fn ask_each<T, F>(&self, attempt: impl Fn(Arc<Site>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut failed: Option<Error> = None;
        for site in self.sites.iter() {
            match attempt(Arc::clone(site)).await {
                Ok(answer) => return Ok(answer),
                // "Not there" is certain only when everybody says so.
                Err(error) => match &failed {
                    Some(first) if !first.is_not_found() || error.is_not_found() => {}
                    _ => failed = Some(error),
                },
            }
        }
        Err(failed.expect("an upstream has a location"))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Error {
    /// Whether an upstream answers at all, as far as this failure tells.
    pub fn is_outage(&self) -> bool {
        self.side() == Side::Upstream
    }
}
