//! One command over the socket of a running server, heard to its end.
//!
//! Knows the protocol and nothing of what is asked. Has done with the caller's files what the server
//! wants done. Invariant: an answer that breaks off is an error, never an outcome.

use std::io;
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use roadstead_mirror::media::LONGEST;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::admin::door::{Asking, Door, Line, PATH, Question, Replied, VERSION, VERSION_HEADER};
use crate::admin::failure::Failure;
use crate::admin::files::{Reply, Root};
use crate::admin::lines::{Error as LinesError, Lines};
use crate::admin::report::Report;
use crate::admin::watch::Told;

/// Bytes of the longest line of an answer: a report of very many images.
const LONGEST_LINE: usize = 1024 * 1024 * 1024;

/// Why there is no outcome.
#[derive(Debug, Error)]
pub(super) enum Error {
    /// The connection broke.
    #[error("talk to it")]
    Broken(#[from] hyper::Error),
    /// It asks for files, and there are none.
    #[error("it asks for files that the command line does not name")]
    NoFiles,
    /// The answer cannot be read.
    #[error("read its answer")]
    Read(#[from] LinesError<hyper::Error>),
    /// The answer has no outcome.
    #[error("it ended before the command did")]
    Cut,
    /// The answer is not what this version says.
    #[error("understand its answer")]
    Garbled(#[from] serde_json::Error),
    /// The server does not take such a command.
    #[error("{said}")]
    Refused {
        /// How.
        status: StatusCode,
        /// Why.
        said: String,
    },
}

/// The socket of a running server, if there is one that listens.
///
/// # Errors
/// When the caller may not speak there.
pub(super) async fn connect(data: &Path) -> io::Result<Option<UnixStream>> {
    let connected = match Door::open(data) {
        Ok(door) => UnixStream::connect(door.socket()).await,
        Err(error) => Err(error),
    };
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}

/// Asks, shows what is told meanwhile, and returns the outcome.
///
/// # Errors
/// When there is no outcome.
///
/// # Cancel safety
/// Dropped, it hangs up, which stops what it asked for.
pub(super) async fn call(
    stream: UnixStream,
    question: &Question,
    files: Option<&Root>,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Result<Report, Failure>, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let question = question.encode()?;
    let (body, files) = match files {
        None => (Either::Left(Full::new(question)), None),
        Some(root) => {
            let (replies, body) = goes_on(question);
            (Either::Right(body), Some(Files::new(root.clone(), replies)))
        }
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(VERSION_HEADER, VERSION)
        .body(body)
        .expect("a constant path and version make a request");
    // It takes the sender with it, so that the connection ends once the answer is there.
    let answer = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        if status == StatusCode::OK {
            let lines = Lines::new(response.into_body(), LONGEST_LINE);
            return outcome(lines, files, show).await;
        }
        let text = response.into_body().collect().await?.to_bytes();
        Err(Error::Refused {
            status,
            said: String::from_utf8_lossy(&text).trim().to_owned(),
        })
    };
    let (answer, ()) = tokio::join!(answer, async {
        let _ = connection.await;
    });
    answer
}

/// The files that the server may ask for, and where what came of that goes.
struct Files {
    root: Root,
    /// Without a bound of its own: no more comes than was asked for, and who asks keeps to a bound.
    replies: mpsc::UnboundedSender<Bytes>,
    under_way: JoinSet<(u64, Reply)>,
}

impl Files {
    fn new(root: Root, replies: mpsc::UnboundedSender<Bytes>) -> Self {
        Self {
            root,
            replies,
            under_way: JoinSet::new(),
        }
    }

    /// Begins what is asked for.
    fn begin(&mut self, asking: Asking, bytes: Bytes) {
        let root = self.root.clone();
        self.under_way.spawn_blocking(move || {
            let reply = root.carry_out(&asking.operation, &bytes);
            (asking.number, reply)
        });
    }

    /// Replies to all that is asked for, for ever.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    async fn reply(&mut self) {
        while let Some(done) = self.under_way.join_next().await {
            let (number, reply) = done.expect("what is done with a file does not panic");
            // A server that is gone says so by its answer.
            let _ = self.replies.send(Replied::encode(number, &reply));
            if !reply.bytes.is_empty() {
                let _ = self.replies.send(reply.bytes);
            }
        }
        // Until something is asked for again.
        std::future::pending::<()>().await;
    }
}

/// A body that begins with a question and goes on with what is sent.
fn goes_on(
    question: Bytes,
) -> (
    mpsc::UnboundedSender<Bytes>,
    impl Body<Data = Bytes, Error = std::convert::Infallible> + Send + Unpin,
) {
    let (replies, sent) = mpsc::unbounded_channel();
    let first = (Some(question), sent);
    let pieces = stream::unfold(first, |(question, mut sent)| {
        Box::pin(async move {
            let piece = match question {
                Some(question) => question,
                None => sent.recv().await?,
            };
            Some((Ok(Frame::data(piece)), (None, sent)))
        })
    });
    (replies, StreamBody::new(pieces))
}

async fn outcome(
    mut lines: Lines<Incoming>,
    mut files: Option<Files>,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Result<Report, Failure>, Error> {
    loop {
        let line = match &mut files {
            None => lines.line().await?,
            // What the server has to say is heard while it is replied to: otherwise both could wait.
            Some(files) => tokio::select! {
                line = lines.line() => line?,
                () = files.reply() => continue,
            },
        };
        let line = line.ok_or(Error::Cut)?;
        match serde_json::from_slice(&line)? {
            Line::Asked(asking) => {
                let longest = LONGEST as usize;
                if asking.length > longest {
                    return Err(LinesError::TooLong { longest }.into());
                }
                let bytes = lines.raw(asking.length).await?;
                files.as_mut().ok_or(Error::NoFiles)?.begin(asking, bytes);
            }
            Line::Done(report) => return Ok(Ok(report)),
            Line::Failed(failure) => return Ok(Err(failure)),
            Line::Told(told) => show(told),
        }
    }
}
