//! A TCP stream that sends the file when it is given its mark.
//!
//! What comes before a file and the file itself are held back (`TCP_CORK`) until packets are full or
//! the answer is over: the kernel would send each few pages in a packet of their own. When a slow client
//! made us wait, the file may have left the cache meanwhile, and is brought back before the kernel is
//! asked to send it, for that would wait for the disk on this thread. Invariant: as of [`super`].

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use roadstead_storage::Error as StoreError;
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_cork;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tracing::error;

use super::promise::Promises;
use crate::http::FilePart;
use crate::report::chain;

/// What is read at once where the kernel does not send files.
const BY_HAND: usize = 64 * 1024;

/// The stream of a connection.
pub(in crate::listener) struct Sender {
    stream: TcpStream,
    promises: Arc<Promises>,
    /// What is being sent in place of the mark that hyper writes now.
    present: Option<Present>,
    is_corked: bool,
}

struct Present {
    part: FilePart,
    step: Step,
}

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// What comes next of a part.
enum Step {
    /// The kernel sends it; `is_fresh` when nothing was waited for since it was seen in memory.
    Send { is_fresh: bool },
    /// It comes back into memory.
    Cache(Waiting<()>),
    /// It is read.
    Read(Waiting<Bytes>),
    /// What was read is sent.
    Write(Bytes),
}

impl Sender {
    pub(super) fn new(stream: TcpStream, promises: Arc<Promises>) -> Self {
        Self {
            stream,
            promises,
            present: None,
            is_corked: false,
        }
    }

    /// Sends some of the part whose mark is being written.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let next = || self.promises.next().map(Present::new);
        let Some(mut present) = self.present.take().or_else(next) else {
            return Poll::Ready(Err(astray()));
        };
        let sent = present.poll(&self.stream, &self.promises, context);
        match &sent {
            Poll::Ready(Ok(count)) => {
                self.promises.sent(*count);
                present.part.advance(*count);
            }
            Poll::Ready(Err(_)) => return sent,
            Poll::Pending => {}
        }
        if present.part.len() > 0 {
            self.present = Some(present);
        }
        sent
    }

    fn cork(&mut self, is_corked: bool) -> io::Result<()> {
        if self.is_corked != is_corked {
            set_tcp_cork(&self.stream, is_corked)?;
            self.is_corked = is_corked;
        }
        Ok(())
    }
}

impl Present {
    fn new(part: FilePart) -> Self {
        let step = Step::Send { is_fresh: true };
        Self { part, step }
    }

    /// Sends some of it; how much.
    fn poll(
        &mut self,
        stream: &TcpStream,
        promises: &Promises,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match &mut self.step {
                Step::Cache(caching) => {
                    let cached = ready!(caching.as_mut().poll(context));
                    cached.map_err(|failure| self.broke_off(failure))?;
                    self.step = Step::Send { is_fresh: true };
                }
                Step::Read(reading) => {
                    let read = ready!(reading.as_mut().poll(context));
                    let bytes = read.map_err(|failure| self.broke_off(failure))?;
                    self.step = Step::Write(bytes);
                }
                Step::Write(bytes) if bytes.is_empty() => self.step = Step::Read(self.read()),
                Step::Write(bytes) => {
                    ready!(stream.poll_write_ready(context))?;
                    match stream.try_write(bytes) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Poll::Ready(Err(error)),
                        Ok(count) => {
                            bytes.advance(count);
                            return Poll::Ready(Ok(count));
                        }
                    }
                }
                Step::Send { .. } if promises.is_by_hand() => self.step = Step::Read(self.read()),
                Step::Send { is_fresh } => {
                    if stream.poll_write_ready(context)?.is_pending() {
                        *is_fresh = false;
                        return Poll::Pending;
                    }
                    if !*is_fresh && !self.part.is_cached() {
                        self.step = Step::Cache(self.part.cache());
                        continue;
                    }
                    match send(&self.part, stream) {
                        Err(Errno::AGAIN) => *is_fresh = false,
                        // As splice(2) says that a file system, or the system itself, cannot do it.
                        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => promises.by_hand(),
                        sent => return Poll::Ready(self.check(sent)),
                    }
                }
            }
        }
    }

    /// What the kernel says of the client is the connection's; what it says of the file is said.
    fn check(&self, sent: Result<usize, Errno>) -> io::Result<usize> {
        match sent {
            Ok(0) => Err(self.broke_off(io::Error::from(io::ErrorKind::UnexpectedEof))),
            Err(Errno::IO) => Err(self.broke_off(io::Error::from(Errno::IO))),
            sent => Ok(sent?),
        }
    }

    fn read(&self) -> Waiting<Bytes> {
        let (blob, offset) = (self.part.blob.clone(), self.part.offset);
        let length = self.part.len().min(BY_HAND);
        Box::pin(async move { blob.read(offset, length).await })
    }

    /// The head is sent and the file fails: said here, since the answer has handed the part out.
    fn broke_off<E>(&self, failure: E) -> io::Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let digest = self.part.blob.digest();
        error!(%digest, error = %chain(&failure), "An answer broke off");
        io::Error::other(failure)
    }
}

/// Has the kernel send what the socket takes of a part.
fn send(part: &FilePart, stream: &TcpStream) -> Result<usize, Errno> {
    let mut offset = part.offset;
    let sent = stream.try_io(Interest::WRITABLE, || {
        Ok(sendfile(stream, &part.blob, Some(&mut offset), part.len())?)
    });
    sent.map_err(|error| match error.kind() {
        // What tokio itself says has no number.
        io::ErrorKind::WouldBlock => Errno::AGAIN,
        _ => Errno::from_io_error(&error).unwrap_or(Errno::IO),
    })
}

/// A mark where none may be: sending it would be sending something else than was asked for.
fn astray() -> io::Error {
    io::Error::other("a part of a file was written as if it were bytes")
}

impl AsyncRead for Sender {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Sender {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.promises.is_broken() || self.promises.is_mark(bytes) {
            return Poll::Ready(Err(astray()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.promises.is_broken() {
            return Poll::Ready(Err(astray()));
        }
        let mark = slices.iter().position(|slice| self.promises.is_mark(slice));
        let bytes = match mark {
            None => slices,
            Some(0) => {
                self.cork(true)?;
                return self.poll_send(context);
            }
            // Only what precedes it: hyper comes back for the rest.
            Some(mark) => {
                self.cork(true)?;
                &slices[..mark]
            }
        };
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    /// Always: hyper copies bytes together for who cannot, and a mark must not be copied.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.promises.has_more() {
            self.cork(false)?;
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
