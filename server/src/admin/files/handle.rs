//! The handle by which work reaches the caller's files, and the loop that answers it.
//!
//! Knows neither paths nor sockets: what is asked goes through a channel, at whose other end somebody
//! carries it out or sends it on. Invariant: only so many things are asked for at once, so that what
//! was read and not yet taken has a bound.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use roadstead_mirror::media::{Entry, Kind, LONGEST};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::error::Error;
use super::operation::{Operation, Reply, Said};
use super::root::Root;

/// How much is asked for at once.
const AT_ONCE: usize = 16;

/// The caller's files. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CallerFiles {
    asked: mpsc::Sender<Asked>,
    permits: Arc<Semaphore>,
}

/// Something that was asked for.
#[derive(Debug)]
pub(in crate::admin) struct Asked {
    pub(in crate::admin) operation: Operation,
    /// What is to be written.
    pub(in crate::admin) bytes: Bytes,
    /// Where what came of it goes.
    pub(in crate::admin) answer: oneshot::Sender<Reply>,
}

/// Carries out below `root` what is asked for, until nobody is left who could ask.
///
/// # Cancel safety
/// Dropped, what was begun runs to its end, and nobody hears of it.
pub(in crate::admin) async fn serve(root: Root, mut asked: mpsc::Receiver<Asked>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = under_way.join_next() => {}
            next = asked.recv() => match next {
                None => break,
                Some(Asked { operation, bytes, answer }) => {
                    let root = root.clone();
                    under_way.spawn_blocking(move || {
                        // Whoever asked may not care any more.
                        let _ = answer.send(root.carry_out(&operation, &bytes));
                    });
                }
            },
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// # Cancel safety
/// Of all that asks: dropped before it is done, it may be done all the same.
impl CallerFiles {
    /// A handle, and where what is asked comes out.
    pub(in crate::admin) fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (asked, heard) = mpsc::channel(AT_ONCE);
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        (Self { asked, permits }, heard)
    }

    /// Makes an empty file that is not there yet; the umask of the caller takes from its mode.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn create(&self, path: &str, mode: u32) -> Result<(), Error> {
        let path = path.to_owned();
        self.change(Operation::Create { path, mode }).await
    }

    /// What a path leads to, links not followed; nothing if there is nothing.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn describe(&self, path: &str) -> Result<Option<Kind>, Error> {
        let path = path.to_owned();
        match self.ask(Operation::Describe { path }, Bytes::new()).await {
            Ok((Said::Entry(entry), _)) => Ok(Some(entry.kind)),
            Ok(_) => Err(Error::Garbled),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a file a second name, which is not there yet.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn link(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.change(Operation::Link { from, to }).await
    }

    /// What is in a directory, in the order of the names. The directory itself has the empty path.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        let path = path.to_owned();
        match self.ask(Operation::List { path }, Bytes::new()).await? {
            (Said::Entries(entries), _) => Ok(entries),
            _ => Err(Error::Garbled),
        }
    }

    /// Makes a directory and those it lies in, where they are missing.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn make_dir(&self, path: &str) -> Result<(), Error> {
        let path = path.to_owned();
        self.change(Operation::MakeDir { path }).await
    }

    /// So many bytes of a file, at most [`LONGEST`]; fewer at its end, and none behind it.
    ///
    /// # Errors
    /// When the caller's file system refuses, or it is no file.
    pub(crate) async fn read(&self, path: &str, offset: u64, length: u32) -> Result<Bytes, Error> {
        let (path, length) = (path.to_owned(), length.min(LONGEST));
        let operation = Operation::Read {
            path,
            offset,
            length,
        };
        match self.ask(operation, Bytes::new()).await? {
            (Said::Done, bytes) if bytes.len() <= length as usize => Ok(bytes),
            _ => Err(Error::Garbled),
        }
    }

    /// Removes a file, a link or an empty directory.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), Error> {
        let path = path.to_owned();
        self.change(Operation::Remove { path }).await
    }

    /// Gives a file or a link another name, whatever had it before.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.change(Operation::Rename { from, to }).await
    }

    /// How many bytes can still be written.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn room(&self) -> Result<u64, Error> {
        match self.ask(Operation::Room, Bytes::new()).await? {
            (Said::Room(room), _) => Ok(room),
            _ => Err(Error::Garbled),
        }
    }

    /// Makes a symbolic link, which is not there yet, to a text.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn symlink(&self, target: &str, path: &str) -> Result<(), Error> {
        let (target, path) = (target.to_owned(), path.to_owned());
        self.change(Operation::Symlink { target, path }).await
    }

    /// Waits until a file or a directory is on disk.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn sync(&self, path: &str) -> Result<(), Error> {
        let path = path.to_owned();
        self.change(Operation::Sync { path }).await
    }

    /// Writes into a file that is there, however many bytes.
    ///
    /// # Errors
    /// When the caller's file system refuses.
    pub(crate) async fn write(&self, path: &str, offset: u64, bytes: Bytes) -> Result<(), Error> {
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(LONGEST as usize));
            let length = piece.len() as u64;
            let path = path.to_owned();
            match self.ask(Operation::Write { path, offset }, piece).await? {
                (Said::Done, _) => offset += length,
                _ => return Err(Error::Garbled),
            }
        }
        Ok(())
    }

    async fn change(&self, operation: Operation) -> Result<(), Error> {
        match self.ask(operation, Bytes::new()).await? {
            (Said::Done, _) => Ok(()),
            _ => Err(Error::Garbled),
        }
    }

    async fn ask(&self, operation: Operation, bytes: Bytes) -> Result<(Said, Bytes), Error> {
        let permit = self.permits.acquire().await;
        let _permit = permit.expect("it is never closed");
        let attempt = operation.to_string();
        let (answer, heard) = oneshot::channel();
        let asked = Asked {
            operation,
            bytes,
            answer,
        };
        self.asked.send(asked).await.map_err(|_| Error::Gone)?;
        let reply = heard.await.map_err(|_| Error::Gone)?;
        match reply.outcome {
            Ok(said) => Ok((said, reply.bytes)),
            Err(number) => {
                let source = io::Error::from_raw_os_error(number);
                Err(Error::Refused { attempt, source })
            }
        }
    }
}
