//! A blob that goes straight from an upstream to a client, since the store has no room for it.
//!
//! Nothing of it is on disk, so everybody who asks for it meanwhile has the upstream send it again.
//! Invariant: the last piece is kept back until all have been hashed, so that nobody reads wrong content
//! to its end.

use std::time::Duration;

use bytes::Bytes;
use roadstead_storage::Error as StoreError;
use roadstead_storage::oci::{Digest, Hasher, RepoName};
use tokio::time::sleep;
use tracing::debug;

use crate::client::{BlobStream, Client, Patience, backoff};
use crate::error::{Error, Retry};

/// How often in a row it may break off without a byte before it is given up.
const ATTEMPTS: u32 = 4;
/// The longest pause that an upstream may ask for: a client waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A blob on its way past the store.
#[derive(Debug)]
pub struct Passing {
    client: Client,
    /// Where the upstream has it.
    from: RepoName,
    digest: Digest,
    size: Option<u64>,
    /// `None` after it broke off.
    stream: Option<BlobStream>,
    hash: Hasher,
    /// How many bytes have come.
    offset: u64,
    /// The last piece that came.
    kept_back: Option<Bytes>,
    is_right: bool,
    fruitless: u32,
}

impl Passing {
    /// Asks for a blob of `size` bytes, if a manifest says how many.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Malformed`] when the upstream says another size, and whatever keeps
    /// it from answering.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn open(
        client: Client,
        from: RepoName,
        digest: Digest,
        size: Option<u64>,
    ) -> Result<Self, Error> {
        let mut passing = Self {
            client,
            from,
            digest,
            size,
            stream: None,
            hash: Hasher::new(digest.algorithm()),
            offset: 0,
            kept_back: None,
            is_right: false,
            fruitless: 0,
        };
        passing.stream = Some(passing.ask().await?);
        Ok(passing)
    }

    /// What it is the content of.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How large it is, in bytes, if a manifest or the upstream says so.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next bytes, from the first one on; `None` after the last. What breaks off goes on where it
    /// was.
    ///
    /// # Errors
    /// [`StoreError::FetchedOther`] and [`Error::Malformed`] when it is not what was asked for, and
    /// whatever keeps the upstream from sending the rest. It is over then, and what was given must not pass for all.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while !self.is_right {
            let Some(bytes) = self.receive().await? else {
                self.check()?;
                break;
            };
            self.hash.update(&bytes);
            self.offset += bytes.len() as u64;
            if let Some(before) = self.kept_back.replace(bytes) {
                return Ok(Some(before));
            }
        }
        Ok(self.kept_back.take())
    }

    /// What comes next; `None` when all has come.
    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.size == Some(self.offset) {
                return Ok(None);
            }
            let error = match &mut self.stream {
                Some(stream) => match stream.next().await {
                    Ok(Some(bytes)) => {
                        let after = self.offset + bytes.len() as u64;
                        if self.size.is_some_and(|size| after > size) {
                            return Err(stream.malformed("more bytes than the blob has"));
                        }
                        self.fruitless = 0;
                        return Ok(Some(bytes));
                    }
                    Ok(None) if self.size.is_none() => return Ok(None),
                    Ok(None) => stream.broken_off(),
                    Err(error) => error,
                },
                None => match self.ask().await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        continue;
                    }
                    Err(error) => error,
                },
            };
            self.stream = None;
            let pause = match error.retry() {
                Retry::No => return Err(error),
                Retry::Now => backoff(self.fruitless),
                Retry::After(pause) => pause.max(backoff(self.fruitless)),
            };
            self.fruitless += 1;
            if self.fruitless >= ATTEMPTS || pause > LONGEST_PAUSE {
                return Err(error);
            }
            debug!(upstream = self.client.name(), digest = %self.digest, %error,
                offset = self.offset, "Going on with a blob that broke off");
            sleep(pause).await;
        }
    }

    /// Asks for what has not come yet.
    async fn ask(&mut self) -> Result<BlobStream, Error> {
        let asked = self
            .client
            .blob(&self.from, self.digest, self.offset, Patience::Request);
        let stream = asked.await?;
        match (self.size, stream.size()) {
            (Some(expected), Some(told)) if told != expected => {
                return Err(stream.malformed("a blob of another size than before"));
            }
            (None, told) => self.size = told,
            _ => {}
        }
        Ok(stream)
    }

    /// Makes sure that what has come is what was asked for.
    fn check(&mut self) -> Result<(), Error> {
        if self.hash.clone().finish() == self.digest {
            self.is_right = true;
            return Ok(());
        }
        self.kept_back = None;
        Err(StoreError::FetchedOther.into())
    }
}
