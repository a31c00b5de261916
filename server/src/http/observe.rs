//! What is remembered of a request: the access log and the metrics.
//!
//! A [`Record`] lives until the last byte of the answer has been handed to the connection, or the
//! client has gone, and then says what happened. Of the request it keeps neither query nor
//! credentials. Texts of clients are logged escaped.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use roadstead_storage::Error as StoreError;
use tracing::{Level, Span, debug, enabled, error};

use crate::http::body::{Body, FilePart};
use crate::report::chain;
use crate::telemetry::{Endpoint, InFlight, Metrics};

/// One request, from its head to the end of its answer.
#[derive(Debug)]
pub(crate) struct Record {
    metrics: Metrics,
    _in_flight: InFlight,
    started: Instant,
    method: Method,
    endpoint: Endpoint,
    /// Says who asks for what, where something is to be logged.
    span: Span,
    /// For the access log, where there is one.
    access: Option<Access>,
    /// How many bytes of body came.
    pub(crate) received: u64,
    status: StatusCode,
    sent: u64,
}

/// What the access log says of a request beside what its span does.
#[derive(Debug)]
struct Access {
    path: String,
    agent: Option<String>,
}

/// The body of an answer, watched.
#[derive(Debug)]
pub(crate) struct Observed {
    body: Body,
    record: Record,
}

impl Record {
    /// Begins now.
    pub(crate) fn begin(metrics: &Metrics, method: &Method, endpoint: Endpoint) -> Self {
        Self {
            metrics: metrics.clone(),
            _in_flight: metrics.request_started(),
            started: Instant::now(),
            method: method.clone(),
            endpoint,
            span: Span::none(),
            access: None,
            received: 0,
            // Until there is an answer: the client left before one.
            status: StatusCode::REQUEST_TIMEOUT,
            sent: 0,
        }
    }

    /// Has its end logged within `span`.
    pub(crate) fn tell(&mut self, span: &Span, head: &Parts) {
        self.span = span.clone();
        if span.in_scope(|| enabled!(target: "access", Level::DEBUG)) {
            let agent = head.headers.get(USER_AGENT);
            self.access = Some(Access {
                path: head.uri.path().to_owned(),
                agent: agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned()),
            });
        }
    }

    /// Goes along with the answer from here on.
    pub(crate) fn answer(mut self, status: StatusCode, body: Body) -> Observed {
        self.status = status;
        Observed { body, record: self }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        self.metrics
            .request(&self.method, self.endpoint, self.status, took);
        self.metrics.received(self.received);
        self.metrics.sent(self.sent);
        let Some(Access { path, agent }) = &self.access else {
            return;
        };
        let _within = self.span.enter();
        debug!(
            target: "access",
            ?path,
            status = self.status.as_u16(),
            received = self.received,
            sent = self.sent,
            milliseconds = took.as_millis(),
            ?agent,
            "Request"
        );
    }
}

impl Observed {
    /// As [`Body::poll_file`].
    pub(crate) fn poll_file(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<FilePart, StoreError>>> {
        let part = ready!(self.body.poll_file(context));
        self.note(part.as_ref().map(|part| part.as_ref().map(FilePart::len)));
        Poll::Ready(part)
    }

    /// Remembers what became of the next piece.
    fn note(&mut self, piece: Option<Result<usize, &StoreError>>) {
        match piece {
            Some(Ok(length)) => self.record.sent += length as u64,
            // Too late for a status: the connection breaks, which the client cannot take for the end.
            Some(Err(failure)) => {
                let _within = self.record.span.enter();
                error!(error = %chain(failure), "An answer broke off");
            }
            None => {}
        }
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let length = |frame: &Frame<Bytes>| frame.data_ref().map_or(0, Bytes::len);
        self.note(frame.as_ref().map(|frame| frame.as_ref().map(length)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
