//! The server's end of what is asked of the caller's files over a socket.
//!
//! What the work asks for is numbered and goes out with the answer ([`Asking`]); what comes back in the
//! request is given to whoever waits for it ([`Replies`]). Invariant: while a reply is still owed, the
//! exchange is not over, for a peer that writes to somebody gone could lose what it has not read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use roadstead_mirror::media::LONGEST;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use crate::admin::door::{self, Replied};
use crate::admin::files::{Asked, Reply};
use crate::admin::lines::{Error as LinesError, Lines};

/// What was asked for and not replied to yet, by number.
type Owed = Arc<Mutex<HashMap<u64, oneshot::Sender<Reply>>>>;

/// What is asked for.
pub(super) struct Asking {
    asked: mpsc::Receiver<Asked>,
    owed: Owed,
    next: u64,
}

/// What comes back.
pub(super) struct Replies<B> {
    lines: Lines<B>,
    owed: Owed,
    /// A reply whose bytes are still to come.
    half: Option<Replied>,
}

/// Why nothing more comes back.
#[derive(Debug, Error)]
enum Error<E> {
    #[error("it owed no reply")]
    NotOwed,
    #[error("read the reply")]
    Read(#[from] LinesError<E>),
    #[error("more bytes than are ever asked for")]
    TooLong,
    #[error("understand the reply")]
    Unreadable(#[from] serde_json::Error),
}

/// Both ends of what is asked there, and replied in these lines.
pub(super) fn exchange<B>(asked: mpsc::Receiver<Asked>, lines: Lines<B>) -> (Asking, Replies<B>) {
    let owed = Owed::default();
    let asking = Asking {
        asked,
        owed: Arc::clone(&owed),
        next: 0,
    };
    let half = None;
    (asking, Replies { lines, owed, half })
}

impl Asking {
    /// What is to go out next, with its bytes. Pending too when nobody will ever ask again.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<(door::Asking, Bytes)> {
        loop {
            let Some(asked) = ready!(self.asked.poll_recv(context)) else {
                return Poll::Pending;
            };
            // Whoever asked has gone meanwhile.
            if asked.answer.is_closed() {
                continue;
            }
            let number = self.next;
            self.next += 1;
            lock(&self.owed).insert(number, asked.answer);
            let asking = door::Asking {
                number,
                operation: asked.operation,
                length: asked.bytes.len(),
            };
            return Poll::Ready((asking, asked.bytes));
        }
    }
}

impl<B: Body<Data = Bytes, Error: std::error::Error> + Unpin> Replies<B> {
    /// Passes on what comes back while `work` goes on, and then what is still owed. Its outcome; nothing
    /// when the peer goes away before.
    ///
    /// # Cancel safety
    /// As that of `work`.
    pub(super) async fn during<T>(mut self, work: impl Future<Output = T>) -> Option<T> {
        let outcome = {
            let mut work = std::pin::pin!(work);
            loop {
                tokio::select! {
                    outcome = &mut work => break outcome,
                    passed = self.pass_on() => passed?,
                }
            }
        };
        while !lock(&self.owed).is_empty() {
            self.pass_on().await?;
        }
        Some(outcome)
    }

    /// Passes one reply on; nothing when there will be none.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    async fn pass_on(&mut self) -> Option<()> {
        match self.next().await {
            Ok(passed) => passed,
            Err(error) => {
                debug!(%error, "What a command says of its files broke off");
                None
            }
        }
    }

    async fn next(&mut self) -> Result<Option<()>, Error<B::Error>> {
        let replied = match &self.half {
            Some(replied) => replied,
            None => match self.lines.line().await? {
                Some(line) => self.half.insert(serde_json::from_slice(&line)?),
                None => return Ok(None),
            },
        };
        if replied.length > LONGEST as usize {
            return Err(Error::TooLong);
        }
        let bytes = self.lines.raw(replied.length).await?;
        let replied = self.half.take().ok_or(Error::NotOwed)?;
        let answer = lock(&self.owed).remove(&replied.number);
        let outcome = replied.outcome;
        // Whoever asked may have gone meanwhile.
        let _ = answer.ok_or(Error::NotOwed)?.send(Reply { outcome, bytes });
        Ok(Some(()))
    }
}

fn lock(owed: &Owed) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Reply>>> {
    owed.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs;
    use std::path::Path;

    use futures_util::future::join_all;
    use http::{Request, Response};
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use roadstead_mirror::media::Kind;
    use tokio::net::UnixStream;
    use tokio::runtime::Handle;
    use tokio::task::JoinHandle;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::admin::call::{Error as CallError, call};
    use crate::admin::command::Command;
    use crate::admin::door::{Line, Question};
    use crate::admin::failure::Failure;
    use crate::admin::files::{CallerFiles, Root};
    use crate::admin::report::Report;
    use crate::admin::telling::Telling;
    use crate::admin::watch::Watch;

    /// What comes of `work` on the files in `dir`, over a socket, as whoever gave the command hears it.
    async fn over_socket<F>(
        dir: &Path,
        work: impl Fn(CallerFiles) -> F + Send + Sync + 'static,
    ) -> Result<Result<Report, Failure>, CallError>
    where
        F: Future<Output = Line> + Send + 'static,
    {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let served = serve(theirs, work);
        let question = Question {
            config: None,
            command: Command::RepoList,
        };
        let root = Root::open(dir).unwrap();
        let outcome = call(ours, &question, Some(&root), &mut |_| {}).await;
        served.await.unwrap();
        outcome
    }

    fn serve<F>(
        stream: UnixStream,
        work: impl Fn(CallerFiles) -> F + Send + Sync + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = Line> + Send + 'static,
    {
        let work = Arc::new(work);
        let service = service_fn(move |request: Request<Incoming>| {
            let work = Arc::clone(&work);
            async move {
                let mut lines = Lines::new(request.into_body(), 1024);
                lines.line().await.unwrap().unwrap();
                let (files, asked) = CallerFiles::new();
                let (asking, replies) = exchange(asked, lines);
                let (_, told) = Watch::new(CancellationToken::new());
                let work = async move {
                    let outcome = replies.during(work(files)).await;
                    outcome.unwrap_or(Line::Failed(Failure::new("go on")))
                };
                let answer = Telling::new(work, told).asking(asking);
                Ok::<_, Infallible>(Response::new(answer))
            }
        });
        Handle::current().spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A peer that goes away is part of these tests.
            let _ = connection.await;
        })
    }

    fn piece(number: usize) -> Bytes {
        let byte = u8::try_from(number % 251).unwrap();
        Bytes::from(vec![byte; 2 * LONGEST as usize + number])
    }

    #[tokio::test]
    async fn many_large_files_are_written_and_read_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let outcome = over_socket(dir.path(), async |files| {
            let files = &files;
            let written = (0..40).map(|number| async move {
                let path = format!("deep/{number}");
                files.make_dir("deep").await?;
                files.create(&path, 0o644).await?;
                files.write(&path, 0, piece(number)).await?;
                let length = LONGEST;
                let first = files.read(&path, 0, length).await?;
                let second = files.read(&path, u64::from(length), length).await?;
                let rest = files.read(&path, 2 * u64::from(length), length).await?;
                let all = [first, second, rest].concat();
                assert!(all == piece(number), "the file {number}");
                Ok::<_, std::io::Error>(())
            });
            for written in join_all(written).await {
                written.unwrap();
            }
            assert_eq!(files.list("deep").await.unwrap().len(), 40);
            Line::Done(Report::Done)
        });
        assert!(matches!(outcome.await, Ok(Ok(Report::Done))));
        let size = fs::metadata(dir.path().join("deep/7")).unwrap().len();
        assert_eq!(size, piece(7).len() as u64);
    }

    #[tokio::test]
    async fn what_the_callers_file_system_says_is_told_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let outcome = over_socket(dir.path(), async |files| {
            assert_eq!(files.describe("nothing").await.unwrap(), None);
            files.create("there", 0o600).await.unwrap();
            let size = 0;
            let there = files.describe("there").await.unwrap();
            assert_eq!(there, Some(Kind::File { size }));
            let error = files.read("nothing", 0, 1).await.unwrap_err();
            Line::Failed(Failure::because("read it", &error))
        });
        let failure = outcome.await.unwrap().unwrap_err();
        assert_eq!(failure.because.len(), 2, "{failure:?}");
        assert_eq!(
            failure.because[0],
            "read nothing, as whoever gave the command"
        );
        assert!(failure.because[1].contains("os error 2"), "{failure:?}");
    }

    #[tokio::test]
    async fn an_outcome_is_heard_though_replies_are_still_on_their_way() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("large"), piece(0)).unwrap();
        for _ in 0..20 {
            let outcome = over_socket(dir.path(), async |files| {
                let read = async || files.read("large", 0, LONGEST).await.map(drop);
                let (first, rest) = (read(), join_all((0..15).map(|_| read())));
                tokio::select! {
                    first = first => first.unwrap(),
                    _ = rest => {}
                }
                Line::Done(Report::Done)
            });
            assert!(matches!(outcome.await, Ok(Ok(Report::Done))));
        }
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_ends_the_work() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (begun, hears) = mpsc::channel(1);
        let (alive, dropped) = mpsc::channel::<()>(1);
        let served = serve(theirs, move |files| {
            let (begun, alive) = (begun.clone(), alive.clone());
            async move {
                let _alive = alive;
                assert_eq!(files.list("").await.unwrap(), []);
                begun.send(()).await.unwrap();
                std::future::pending().await
            }
        });
        let question = Question {
            config: None,
            command: Command::RepoList,
        };
        let root = Root::open(dir.path()).unwrap();
        let (mut hears, mut dropped) = (hears, dropped);
        let mut show = |_| {};
        tokio::select! {
            _ = call(ours, &question, Some(&root), &mut show) => panic!("the work does not end"),
            begun = hears.recv() => begun.unwrap(),
        }
        served.await.unwrap();
        assert_eq!(dropped.recv().await, None);
    }
}
