//! One request to one host: connections are shared, waiting has limits, nothing is followed.
//!
//! Invariant: no more requests are under way than the upstream may have, answers that are still being
//! read included.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::Answer;
use super::connect::Connector;
use super::failure::Failure;

/// What the header of an answer may take, in bytes.
const MAX_HEADER: u32 = 64 * 1024;
/// How many fields the header of an answer may have.
const MAX_FIELDS: usize = 200;
/// How long an unused connection is kept.
const KEEP: Duration = Duration::from_secs(55);

/// How long is waited for an upstream. There is none for a whole transfer: it takes what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, its TLS and a proxy included.
    pub connect: Duration,
    /// For the header of an answer.
    pub answer: Duration,
    /// For the next bytes of a body.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(30),
        }
    }
}

/// Sends requests for one upstream; clones share its connections.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
    permits: Arc<Semaphore>,
    timeouts: Timeouts,
}

impl Transport {
    /// A transport with at most `most` requests under way.
    pub(crate) fn new(connector: Connector, most: usize, timeouts: Timeouts) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEEP)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_max_buf_size(MAX_HEADER as usize)
            .http1_max_headers(MAX_FIELDS)
            .http2_max_header_list_size(MAX_HEADER)
            .http2_adaptive_window(true)
            .build(connector.clone());
        Self {
            client,
            connector,
            permits: Arc::new(Semaphore::new(most)),
            timeouts,
        }
    }

    /// Sends a request and waits for the header of its answer.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.expect("it is never closed");
        let url: Uri = request.uri().clone();
        if let Some(login) = self.connector.proxy_login(&url) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, login);
        }
        let Timeouts {
            connect,
            answer,
            idle,
        } = self.timeouts;
        let within = connect + answer;
        match timeout(within, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(Answer::new(url, response, idle, permit)),
            Ok(Err(error)) => Err(Failure::of(error)),
            Err(_) => Err(Failure::Idle { within }),
        }
    }
}
