//! The running server's ear for commands: HTTP/1.1 on `<data>/admin.sock`.
//!
//! Owns the socket file and who may speak: the server's own user and root, by the peer's uid as the
//! kernel knows it. Each connection is served within [`Socket::run`], which spawns nothing loose; a
//! peer that goes away takes its command with it, and so does the end of the server. Knows nothing of
//! what commands do.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::admin::door::{Door, Line, PATH, Question, VERSION, VERSION_HEADER};
use crate::admin::exchange::exchange;
use crate::admin::execute::Context;
use crate::admin::failure::{Exit, Failure};
use crate::admin::files::CallerFiles;
use crate::admin::lines::Lines;
use crate::admin::telling::Telling;
use crate::admin::watch::Watch;

/// A command is small, but for a list of images.
const MAX_QUESTION: usize = 16 * 1024 * 1024;

/// How many speak at once; more wait in the kernel's queue.
const MAX_PEERS: usize = 16;

/// After an error of `accept`, so that a lack of file descriptors does not burn a core.
const PAUSE: Duration = Duration::from_millis(100);

/// The socket, bound. Dropping it takes the file away.
pub(crate) struct Socket {
    door: Door,
    listener: UnixListener,
}

impl Socket {
    /// Binds the socket in the data directory, whose store the caller holds: a socket that is there
    /// already was left by a server that is gone.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn bind(data: &Path) -> Result<Self, Error> {
        Self::bind_in(data).map_err(|source| Error {
            data: data.to_owned(),
            source,
        })
    }

    fn bind_in(data: &Path) -> io::Result<Self> {
        let door = Door::open(data)?;
        let path = door.socket();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // Until this line the mode is the umask's: the uid of each peer is what protects.
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { door, listener })
    }

    /// Serves commands until `stop`, then lets those in progress finish; long ones are told to stop.
    ///
    /// # Cancel safety
    /// Dropping it drops the commands in progress.
    pub(crate) async fn run(self, context: Context, stop: CancellationToken) {
        let mut peers = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = peers.join_next() => {}
                accepted = self.listener.accept(), if peers.len() < MAX_PEERS => match accepted {
                    Ok((stream, _)) if is_trusted(&stream) => {
                        peers.spawn(serve(stream, context.clone(), stop.clone()));
                    }
                    Ok(_) => warn!("Refused a command of another user"),
                    Err(error) => {
                        warn!(%error, "Accepting a command failed");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        while peers.join_next().await.is_some() {}
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that stays is only a nuisance: the next server takes it away.
        let _ = fs::remove_file(self.door.socket());
    }
}

/// The socket could not be made.
#[derive(Debug, Error)]
#[error("listen for commands in {}", data.display())]
pub(crate) struct Error {
    data: PathBuf,
    source: io::Error,
}

/// Whether the peer is this process's user, or root.
fn is_trusted(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn serve(stream: UnixStream, context: Context, stop: CancellationToken) {
    let stop_work = stop.clone();
    let service = service_fn(move |request| {
        let (context, stop) = (context.clone(), stop_work.clone());
        async move { Ok::<_, Infallible>(answer(context, stop, request).await) }
    });
    let mut builder = http1::Builder::new();
    let connection = builder
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "A command's connection broke");
    }
}

async fn answer(
    context: Context,
    stop: CancellationToken,
    request: Request<Incoming>,
) -> Response<Either<Full<Bytes>, Telling>> {
    let version = request.headers().get(VERSION_HEADER);
    let theirs = version
        .and_then(|version| version.to_str().ok())
        .unwrap_or("none");
    if theirs != VERSION {
        let text =
            format!("the running server is version {VERSION}, the command is version {theirs}\n");
        return plain(StatusCode::CONFLICT, text);
    }
    if (request.method(), request.uri().path()) != (&Method::POST, PATH) {
        return plain(StatusCode::NOT_FOUND, "there is nothing here\n".to_owned());
    }
    let mut lines = Lines::new(request.into_body(), MAX_QUESTION);
    let question = match lines.line().await {
        Ok(line) => serde_json::from_slice::<Question>(&line.unwrap_or_default()),
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    match question {
        Ok(question) => Response::new(Either::Right(begin(context, stop, question, lines))),
        Err(error) => plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

/// The answer to a question, behind which what becomes of the caller's files comes in.
fn begin(
    context: Context,
    stop: CancellationToken,
    question: Question,
    lines: Lines<Incoming>,
) -> Telling {
    let (watch, told) = Watch::new(stop);
    if !question.command.comes_with_files() {
        return Telling::new(carry_out(context, question, watch), told);
    }
    let (files, asked) = CallerFiles::new();
    let (asking, replies) = exchange(asked, lines);
    let stopped = question.command.stopped();
    let work = async move {
        let work = carry_out(context, question, watch.with_files(files));
        let outcome = replies.during(work).await;
        // Nobody hears this, for whoever gave the command has gone.
        outcome.unwrap_or(Line::Failed(stopped))
    };
    Telling::new(work, told).asking(asking)
}

async fn carry_out(context: Context, question: Question, watch: Watch) -> Line {
    if let Some(failure) = conflict(&context, question.config) {
        return Line::Failed(failure);
    }
    match context.execute(question.command, &watch).await {
        Ok(report) => Line::Done(report),
        Err(failure) => Line::Failed(failure),
    }
}

/// A running server's configuration wins: a command that names another file is mistaken.
fn conflict(context: &Context, named: Option<PathBuf>) -> Option<Failure> {
    let (named, config) = (named?, context.config());
    let canonical = |file: &Path| fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let running = config.file.as_deref().map(canonical);
    if running.as_deref() == Some(&canonical(&named)) {
        return None;
    }
    let used = match running {
        Some(file) => format!("the running server uses {}", file.display()),
        None => "the running server uses no configuration file".to_owned(),
    };
    let failure = Failure::new(format!("use the configuration {}", named.display()));
    let hint = "leave --config out, or stop the server first";
    Some(failure.since(used).hint(hint).exit(Exit::Configuration))
}

fn plain(status: StatusCode, text: String) -> Response<Either<Full<Bytes>, Telling>> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response
}
