//! Copies content of an upstream into the store: the one way in, for pull-through and jobs alike.
//!
//! Invariant: what is stored has the digest it was asked for by; what comes wrong or too long is given
//! up at once, and what breaks off goes on where it stopped.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use roadstead_storage::FetchWriter;
use roadstead_storage::oci::RepoName;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::client::{BlobStream, Client, Patience, backoff};
use crate::error::{Error, Retry};

/// What is gathered before it is written, in bytes.
const BATCH: usize = 256 * 1024;
/// How long more bytes are waited for before what has come is written: readers wait for it.
const GATHER: Duration = Duration::from_millis(2);
/// How often in a row a copy may break off without a byte before it is given up.
const ATTEMPTS: u32 = 6;

/// A blob as an upstream has it, to be brought into a repository of the store.
pub(crate) struct BlobCopy {
    pub(crate) client: Client,
    /// Where the upstream has it.
    pub(crate) from: RepoName,
    /// Where the store is to have it.
    pub(crate) to: RepoName,
    /// How large it is, if a manifest says so.
    pub(crate) size: Option<u64>,
}

impl BlobCopy {
    /// Asks for the blob, tells `contact` what came of that, and copies it to its end.
    ///
    /// # Cancel safety
    /// Dropped, what has come stays, and the next copy goes on behind it.
    pub(crate) async fn run(
        self,
        mut writer: FetchWriter,
        contact: impl FnOnce(Result<(), Error>) + Send,
    ) {
        let digest = writer.digest();
        let opened = self.open(&mut writer, Patience::Request).await;
        let first = match opened {
            Ok(stream) => stream,
            Err(error) => return contact(Err(error)),
        };
        let size = self.size.or(first.as_ref().and_then(BlobStream::size));
        if let Some(size) = size
            && let Err(error) = writer.reserve(size).await
        {
            return contact(Err(error.into()));
        }
        contact(Ok(()));
        if let Err(error) = self.pour(&mut writer, first, &|_| ()).await {
            debug!(upstream = self.client.name(), %digest, %error, "Gave a fetch up");
            if error.retry() == Retry::No {
                writer.discard().await;
            }
            return;
        }
        match writer.commit(&self.to).await {
            Ok(size) => {
                info!(upstream = self.client.name(), repo = %self.to, %digest, size, "Fetched a blob");
            }
            Err(error) => {
                warn!(upstream = self.client.name(), %digest, %error, "Could not keep a blob");
            }
        }
    }

    /// Copies the blob to its end with the patience of a job, telling `came` how many bytes are here by
    /// now. How many the blob has.
    ///
    /// # Errors
    /// Whatever keeps the upstream from giving it, and the store from keeping it. What has come stays,
    /// unless it is not what was wanted.
    ///
    /// # Cancel safety
    /// Dropped, what has come stays, and the next copy goes on behind it.
    pub(crate) async fn bring(
        &self,
        mut writer: FetchWriter,
        came: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, Error> {
        let first = self.open(&mut writer, Patience::Job).await?;
        if let Err(error) = self.pour(&mut writer, first, came).await {
            if error.retry() == Retry::No {
                writer.discard().await;
            }
            return Err(error);
        }
        Ok(writer.commit(&self.to).await?)
    }

    /// Begins to read what is missing; `None` when nothing is.
    async fn open(
        &self,
        writer: &mut FetchWriter,
        patience: Patience,
    ) -> Result<Option<BlobStream>, Error> {
        if self.size.is_some_and(|size| size == writer.offset()) {
            return Ok(None);
        }
        let from = writer.offset();
        let stream = self
            .client
            .blob(&self.from, writer.digest(), from, patience);
        let stream = stream.await?;
        if let (Some(told), Some(expected)) = (stream.size(), self.size)
            && told != expected
        {
            return Err(stream.malformed("a blob of another size than its manifest says"));
        }
        if let Some(size) = self.size.or(stream.size()) {
            writer.announce(size);
        }
        Ok(Some(stream))
    }

    /// Copies to the end, however often it breaks off, as long as it gets on.
    async fn pour(
        &self,
        writer: &mut FetchWriter,
        mut stream: Option<BlobStream>,
        came: &(dyn Fn(u64) + Sync),
    ) -> Result<(), Error> {
        let mut fruitless = 0;
        loop {
            let before = writer.offset();
            let poured = match &mut stream {
                Some(stream) => self.pour_one(writer, stream, came).await,
                None => Ok(()),
            };
            let mut error = match poured {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            fruitless = if writer.offset() > before {
                0
            } else {
                fruitless + 1
            };
            stream = loop {
                let pause = match error.retry() {
                    Retry::No => return Err(error),
                    Retry::Now => backoff(fruitless),
                    Retry::After(pause) => pause.max(backoff(fruitless)),
                };
                if fruitless >= ATTEMPTS {
                    return Err(error);
                }
                debug!(upstream = self.client.name(), digest = %writer.digest(), %error,
                    offset = writer.offset(), "Going on with a fetch that broke off");
                sleep(pause).await;
                match self.open(writer, Patience::Job).await {
                    Ok(stream) => break stream,
                    Err(next) => error = next,
                }
                fruitless += 1;
            };
        }
    }

    /// Copies one answer to its end.
    async fn pour_one(
        &self,
        writer: &mut FetchWriter,
        stream: &mut BlobStream,
        came: &(dyn Fn(u64) + Sync),
    ) -> Result<(), Error> {
        let size = self.size.or(stream.size());
        while let Some(batch) = gather(stream).await? {
            let after = writer.offset() + batch.len() as u64;
            if size.is_some_and(|size| after > size) {
                return Err(stream.malformed("more bytes than the blob has"));
            }
            writer.append(batch).await?;
            came(writer.offset());
        }
        match size {
            Some(size) if writer.offset() < size => Err(stream.broken_off()),
            _ => Ok(()),
        }
    }
}

/// The next bytes, as many as come without much waiting. What came before a failure is not lost.
async fn gather(stream: &mut BlobStream) -> Result<Option<Bytes>, Error> {
    let Some(first) = stream.next().await? else {
        return Ok(None);
    };
    if first.len() >= BATCH {
        return Ok(Some(first));
    }
    let mut batch = BytesMut::from(first);
    while batch.len() < BATCH {
        match timeout(GATHER, stream.next()).await {
            Ok(Ok(Some(more))) => batch.extend_from_slice(&more),
            Ok(Err(error)) => {
                stream.put_back(error);
                break;
            }
            Ok(Ok(None)) | Err(_) => break,
        }
    }
    Ok(Some(batch.freeze()))
}
