//! Fetches: the one way for bytes of another registry to enter the store.
//!
//! A blob that is being fetched has one writer and any number of readers, who read what has come and
//! wait for the rest. What has come stays in `fetches/<algorithm>/<hex>/` when a fetch ends early, and
//! the next one goes on behind it, after hashing it again. Invariant: the last byte is given to nobody
//! until all have been hashed, so that whoever has read a blob to its end has read the right one.

mod place;
mod progress;
mod reader;
mod session;
mod writer;

use std::sync::Arc;
use std::time::SystemTime;

use self::place::Places;
pub use self::reader::FetchReader;
pub(crate) use self::session::Ground;
use self::session::Session;
pub use self::writer::FetchWriter;
use crate::error::Error;
use crate::oci::Digest;
use crate::pool::blocking;
use crate::walk;

/// A blob that is wanted from another registry.
#[derive(Debug)]
pub enum Fetch {
    /// Nobody fetches it yet: the caller does, from where the writer stands.
    Begun(FetchWriter),
    /// It is in the store by now.
    Held,
    /// Somebody does, and the caller reads along.
    Joined(FetchReader),
}

/// All fetches of a store.
#[derive(Debug, Clone)]
pub(crate) struct Fetches {
    ground: Arc<Ground>,
    places: Places,
}

impl Fetches {
    pub(crate) fn new(ground: Ground) -> Self {
        Self {
            ground: Arc::new(ground),
            places: Places::default(),
        }
    }

    /// Fetches the blob, or joins whoever does.
    pub(crate) async fn fetch(&self, digest: Digest) -> Result<Fetch, Error> {
        let place = match self.places.take(digest) {
            Ok(place) => place,
            Err(progress) => return Ok(Fetch::Joined(FetchReader::new(digest, progress))),
        };
        let ground = Arc::clone(&self.ground);
        blocking(move || {
            // Its fetch may have come to its end after the caller looked. Whoever joined since reads it here.
            if let Some((file, path, size)) = ground.blobs.file(digest)? {
                place.progress.set_file(file, path);
                place.progress.complete(size);
                return Ok(Fetch::Held);
            }
            Session::open(ground, place).map(|session| Fetch::Begun(FetchWriter::new(session)))
        })
        .await
    }

    /// The blobs that are being fetched at the moment.
    pub(crate) fn under_way(&self) -> Vec<Digest> {
        self.places.taken()
    }

    /// Removes what is left of fetches that nobody has gone on with since `idle_since`. How many.
    pub(crate) fn collect(&self, idle_since: SystemTime, dry_run: bool) -> Result<u64, Error> {
        let Ground { layout, .. } = &*self.ground;
        let mut removed = 0;
        for digest in walk::digests(&layout.fetches())? {
            let idle = walk::metadata(&layout.fetch_data(&digest))?
                .and_then(|metadata| metadata.modified().ok())
                .is_none_or(|last_use| last_use < idle_since);
            let remove = || {
                if !dry_run {
                    self.ground.remove(&digest);
                }
            };
            if idle && self.places.unless_taken(&digest, remove).is_some() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}
