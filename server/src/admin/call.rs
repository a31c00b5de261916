//! One command over the socket of a running server, heard to its end.
//!
//! Knows the protocol and nothing of what is asked. Invariant: an answer that breaks off is an error,
//! never an outcome.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::UnixStream;

use crate::admin::door::{Door, Line, PATH, Question, VERSION, VERSION_HEADER};
use crate::admin::failure::Failure;
use crate::admin::report::Report;
use crate::admin::watch::Told;

/// Why there is no outcome.
#[derive(Debug, Error)]
pub(super) enum Error {
    /// The connection broke.
    #[error("talk to it")]
    Broken(#[from] hyper::Error),
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
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Result<Report, Failure>, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(VERSION_HEADER, VERSION)
        .body(Full::new(Bytes::from(serde_json::to_vec(question)?)))
        .expect("a constant path and version make a request");
    // It takes the sender with it, so that the connection ends once the answer is there.
    let answer = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        if status == StatusCode::OK {
            return outcome(response.into_body(), show).await;
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

async fn outcome(
    mut body: Incoming,
    show: &mut (dyn FnMut(Told) + Send),
) -> Result<Result<Report, Failure>, Error> {
    let mut line = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if !line.ends_with(b"\n") {
                continue;
            }
            match serde_json::from_slice(&line)? {
                Line::Done(report) => return Ok(Ok(report)),
                Line::Failed(failure) => return Ok(Err(failure)),
                Line::Told(told) => show(told),
            }
            line.clear();
        }
    }
    Err(Error::Cut)
}
