//! What is told about the running process: log lines, and the numbers of `/metrics`.
//!
//! Owns the log's set-up and the definition of every metric; other files hold a handle and record
//! into it. Labels come from closed sets only: methods, route templates, classes of status, what the
//! configuration names. Nothing here names a repository, a user or an address.

pub(crate) mod jobs;
mod requests;
mod space;
pub(crate) mod upkeep;
pub(crate) mod upstream;

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use thiserror::Error;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::jobs::JobCounts;
use self::requests::Requests;
use self::upkeep::Counts;
use self::upstream::UpstreamCounts;

pub(crate) use self::requests::Endpoint;

/// Which lines are logged unless `ROADSTEAD_LOG` says otherwise.
const DEFAULT_FILTER: &str = "info,sled=warn,hyper=warn";

/// The media type of what [`Metrics::encode`] writes.
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people; in colour on a terminal.
    #[default]
    Text,
}

/// Sends log lines to stderr from now on.
///
/// # Errors
/// When the filter is none. A process that logs already keeps doing so.
pub(crate) fn log(filter: Option<&str>, format: LogFormat) -> Result<(), InvalidFilter> {
    let filter: Targets = filter.unwrap_or(DEFAULT_FILTER).parse()?;
    let filtered = tracing_subscriber::registry().with(filter);
    let lines = layer().with_writer(stderr);
    // An error means that this process has a subscriber already, as a second test in it would.
    let _ = match format {
        LogFormat::Json => filtered.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => filtered
            .with(lines.with_ansi(stderr().is_terminal()))
            .try_init(),
    };
    Ok(())
}

/// `ROADSTEAD_LOG` is no filter.
#[derive(Debug, Error)]
#[error("ROADSTEAD_LOG is not a log filter")]
pub(crate) struct InvalidFilter(#[from] ParseError);

/// The numbers of this process. Clones count into the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Numbers>);

#[derive(Debug)]
struct Numbers {
    registry: Registry,
    connections: Gauge,
    in_flight: Gauge,
    jobs: JobCounts,
    logins_failed: Counter,
    panics: Counter,
    received: Counter,
    requests: Requests,
    sent: Counter,
    upkeep: Counts,
    uploads: Gauge,
    upstreams: UpstreamCounts,
}

impl Metrics {
    /// All numbers at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("roadstead");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which version this is", build);
        let mut numbers = Numbers {
            registry: Registry::default(),
            connections: Gauge::default(),
            in_flight: Gauge::default(),
            jobs: JobCounts::default(),
            logins_failed: Counter::default(),
            panics: Counter::default(),
            received: Counter::default(),
            requests: Requests::default(),
            sent: Counter::default(),
            upkeep: Counts::default(),
            uploads: Gauge::default(),
            upstreams: UpstreamCounts::default(),
        };
        numbers.register(&mut registry);
        numbers.registry = registry;
        Self(Arc::new(numbers))
    }

    /// The numbers of the sync jobs.
    pub(crate) fn jobs(&self) -> JobCounts {
        self.0.jobs.clone()
    }

    /// The numbers of the store's upkeep.
    pub(crate) fn upkeep(&self) -> Counts {
        self.0.upkeep.clone()
    }

    /// The numbers of the upstreams.
    pub(crate) fn upstreams(&self) -> UpstreamCounts {
        self.0.upstreams.clone()
    }

    /// Counts a connection for as long as the guard lives.
    pub(crate) fn connection(&self) -> InFlight {
        InFlight::new(&self.0.connections)
    }

    /// Counts a request in progress for as long as the guard lives.
    pub(crate) fn request_started(&self) -> InFlight {
        InFlight::new(&self.0.in_flight)
    }

    /// Counts an upload that receives bytes for as long as the guard lives.
    pub(crate) fn upload(&self) -> InFlight {
        InFlight::new(&self.0.uploads)
    }

    /// Counts a login, or a token, that was refused.
    pub(crate) fn login_failed(&self) {
        self.0.logins_failed.inc();
    }

    /// Counts a request that panicked.
    pub(crate) fn panic(&self) {
        self.0.panics.inc();
    }

    /// Counts bytes of a request's body.
    pub(crate) fn received(&self, bytes: u64) {
        self.0.received.inc_by(bytes);
    }

    /// Counts bytes of an answer's body.
    pub(crate) fn sent(&self, bytes: u64) {
        self.0.sent.inc_by(bytes);
    }

    /// Counts a request that was answered.
    pub(crate) fn request(
        &self,
        method: &Method,
        endpoint: Endpoint,
        status: StatusCode,
        took: Duration,
    ) {
        self.0.requests.count(method, endpoint, status, took);
    }

    /// All numbers, as text of the media type [`METRICS_TYPE`].
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("writing to a string does not fail");
        text
    }
}

impl Numbers {
    fn register(&self, registry: &mut Registry) {
        let Self {
            registry: _,
            connections,
            in_flight,
            jobs,
            logins_failed,
            panics,
            received,
            requests,
            sent,
            upkeep,
            uploads,
            upstreams,
        } = self;
        let (connections, in_flight, uploads) =
            (connections.clone(), in_flight.clone(), uploads.clone());
        registry.register("connections", "Connections that are open", connections);
        requests.register(registry);
        registry.register("http_requests_in_flight", "Requests in progress", in_flight);
        registry.register(
            "http_received_bytes",
            "Bytes of request bodies",
            received.clone(),
        );
        registry.register("http_sent_bytes", "Bytes of answer bodies", sent.clone());
        registry.register(
            "logins_failed",
            "Credentials that were refused",
            logins_failed.clone(),
        );
        registry.register(
            "panics",
            "Requests that ended by a fault of this program",
            panics.clone(),
        );
        registry.register(
            "uploads_writing",
            "Uploads that are receiving bytes",
            uploads,
        );
        jobs.register(registry);
        upkeep.register(registry);
        upstreams.register(registry);
    }
}

/// Something that is counted as long as it is there.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new();
        let _connection = metrics.connection();
        drop(metrics.request_started());
        metrics.received(5);
        metrics.login_failed();
        let brewed = Method::from_bytes(b"BREW").unwrap();
        metrics.request(
            &brewed,
            Endpoint::Base,
            StatusCode::IM_A_TEAPOT,
            Duration::from_millis(3),
        );
        let text = metrics.encode();
        for line in [
            "roadstead_connections 1",
            "roadstead_http_requests_in_flight 0",
            "roadstead_http_received_bytes_total 5",
            "roadstead_logins_failed_total 1",
            "roadstead_http_requests_total{method=\"other\",route=\"/v2/\",status=\"4xx\"} 1",
            "roadstead_http_request_duration_seconds_count{route=\"/v2/\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        assert!(log(Some("==="), LogFormat::Text).is_err());
    }
}
