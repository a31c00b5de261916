//! The command's side: asks the running server, or does the work itself where none runs.
//!
//! Owns the choice between the two and the waiting for a store that another command holds. Knows
//! nothing of what commands do, nor of flags and printing.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::admin::command::Command;
use crate::admin::door::{Answer, Door, PATH, Question, VERSION, VERSION_HEADER};
use crate::admin::failure::{Exit, Failure};
use crate::admin::local::{self, Held};
use crate::admin::report::Report;
use crate::config::Source;

/// How long to wait for a store that somebody holds who does not listen: a server that is about to
/// listen, or another command.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Has `command` carried out on the registry that `source` names.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(crate) fn ask(source: &Source, command: &Command) -> Result<Report, Failure> {
    let data = data(source)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(report) = over_socket(&data, source, command)? {
            return Ok(report);
        }
        match local::execute(&data, source, command.clone()) {
            Err(Held { failure }) if Instant::now() >= deadline => return Err(failure),
            Err(Held { .. }) => sleep(PAUSE),
            Ok(outcome) => return outcome,
        }
    }
}

/// Has `command` carried out by the running server; nothing when none runs.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(crate) fn ask_server(source: &Source, command: &Command) -> Result<Option<Report>, Failure> {
    over_socket(&data(source)?, source, command)
}

fn data(source: &Source) -> Result<PathBuf, Failure> {
    source
        .data()
        .map_err(|error| Failure::of(&error).exit(Exit::Configuration))
}

fn over_socket(data: &Path, source: &Source, command: &Command) -> Result<Option<Report>, Failure> {
    let failed = |error: &(dyn StdError + 'static)| {
        let failure =
            Failure::new(command.to_string()).since("the running server could not be asked");
        failure.with_causes(Some(error))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    runtime.block_on(async {
        let stream = match connect(data).await {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let hint = format!("run it as root, or as the owner of {}", data.display());
                return Err(failed(&error).hint(hint));
            }
            Err(error) => return Err(failed(&error)),
        };
        let question = Question {
            config: source.file.clone(),
            command: command.clone(),
        };
        let question = serde_json::to_vec(&question).map_err(|error| failed(&error))?;
        let (status, body) = exchange(stream, question)
            .await
            .map_err(|error| failed(&error))?;
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body);
            let failure = Failure::new(command.to_string()).since(text.trim());
            return Err(match status {
                StatusCode::CONFLICT => failure.hint("use the version that the server has"),
                _ => failure,
            });
        }
        match serde_json::from_slice(&body) {
            Ok(Answer::Done(report)) => Ok(Some(report)),
            Ok(Answer::Failed(failure)) => Err(failure),
            Err(error) => Err(failed(&error)),
        }
    })
}

/// The socket of a running server, if there is one that listens.
async fn connect(data: &Path) -> io::Result<Option<UnixStream>> {
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

async fn exchange(
    stream: UnixStream,
    question: Vec<u8>,
) -> Result<(StatusCode, Bytes), hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(VERSION_HEADER, VERSION)
        .body(Full::new(Bytes::from(question)))
        .expect("a constant path and version make a request");
    // It takes the sender with it, so that the connection ends once the answer is there.
    let answer = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    let (answer, ()) = tokio::join!(answer, async {
        let _ = connection.await;
    });
    answer
}
