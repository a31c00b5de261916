//! How many requests there were, for what, and how long they took.
//!
//! Each request is counted when its answer is over, so that counting must cost next to nothing: the
//! counters of an endpoint are looked up once, when the first of their kind ends, and are at hand from then
//! on. Only kinds that there were are told. Knows no paths: what is asked for is an [`Endpoint`].

use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What a request is for: a closed set, of which metrics and logs say the template of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Base,
    Blob,
    CaCertificate,
    Catalog,
    Health,
    Manifest,
    Metrics,
    Preflight,
    Ready,
    Referrers,
    Tags,
    Token,
    /// What is not served.
    Unknown,
    /// An upload session.
    Upload,
    /// Where upload sessions begin.
    Uploads,
}

/// As many endpoints as there are.
const ENDPOINTS: usize = Endpoint::Uploads as usize + 1;
/// Methods are a stranger's choice: all but the known ones count as one.
const METHODS: [&str; 8] = [
    "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "other",
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Endpoint {
    /// As people and labels have it.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Base => "/v2/",
            Self::Blob => "/v2/{name}/blobs/{digest}",
            Self::CaCertificate => "/ca.crt",
            Self::Catalog => "/v2/_catalog",
            Self::Health => "/healthz",
            Self::Manifest => "/v2/{name}/manifests/{reference}",
            Self::Metrics => "/metrics",
            Self::Preflight => "*",
            Self::Ready => "/readyz",
            Self::Referrers => "/v2/{name}/referrers/{digest}",
            Self::Tags => "/v2/{name}/tags/list",
            Self::Token => "/token",
            Self::Unknown => "unknown",
            Self::Upload => "/v2/{name}/blobs/uploads/{id}",
            Self::Uploads => "/v2/{name}/blobs/uploads/",
        }
    }
}

/// The numbers of all requests.
#[derive(Debug)]
pub(super) struct Requests {
    answered: Family<Request, Counter>,
    duration: Family<Route, Histogram>,
    tallies: [Tally; ENDPOINTS],
}

/// The numbers of one endpoint, as far as they are in use.
#[derive(Debug, Default)]
struct Tally {
    answered: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
    duration: OnceLock<Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

impl Default for Requests {
    fn default() -> Self {
        // From a millisecond to half a minute; transfers of blobs fill the upper ones.
        let buckets = || Histogram::new(exponential_buckets(0.001, 4.0, 8));
        Self {
            answered: Family::default(),
            duration: Family::new_with_constructor(buckets),
            tallies: Default::default(),
        }
    }
}

impl Requests {
    /// Counts one that was answered, or left by its client.
    pub(super) fn count(
        &self,
        method: &Method,
        endpoint: Endpoint,
        status: StatusCode,
        took: Duration,
    ) {
        let (tally, route) = (&self.tallies[endpoint as usize], endpoint.template());
        let (method, class) = (place(method), class(status));
        let answered = tally.answered[method][class].get_or_init(|| {
            let labels = Request {
                method: METHODS[method],
                route,
                status: CLASSES[class],
            };
            self.answered.get_or_create(&labels).clone()
        });
        answered.inc();
        let duration = tally.duration.get_or_init(|| {
            let duration = self.duration.get_or_create(&Route { route });
            duration.clone()
        });
        duration.observe(took.as_secs_f64());
    }

    /// Makes the numbers part of what `/metrics` tells.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests that were answered",
            self.answered.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to the end of its answer",
            self.duration.clone(),
        );
    }
}

/// Where a method is among [`METHODS`].
fn place(method: &Method) -> usize {
    match *method {
        Method::DELETE => 0,
        Method::GET => 1,
        Method::HEAD => 2,
        Method::OPTIONS => 3,
        Method::PATCH => 4,
        Method::POST => 5,
        Method::PUT => 6,
        _ => 7,
    }
}

/// Where the class of a status is among [`CLASSES`].
fn class(status: StatusCode) -> usize {
    match status.as_u16() {
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=499 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_classes_count_under_their_names() {
        for name in &METHODS[..7] {
            let method: Method = name.parse().unwrap();
            assert_eq!(METHODS[place(&method)], *name);
        }
        let brewed = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(METHODS[place(&brewed)], "other");
        for status in [100_u16, 204, 307, 404, 503] {
            let name = CLASSES[class(StatusCode::from_u16(status).unwrap())];
            assert_eq!(name, format!("{}xx", status / 100));
        }
    }

    #[test]
    fn a_second_request_counts_where_the_first_did() {
        let requests = Requests::default();
        let count = |status| {
            let took = Duration::from_millis(3);
            requests.count(&Method::GET, Endpoint::Blob, status, took);
        };
        count(StatusCode::OK);
        count(StatusCode::PARTIAL_CONTENT);
        count(StatusCode::NOT_FOUND);
        let labels = |status| Request {
            method: "GET",
            route: "/v2/{name}/blobs/{digest}",
            status,
        };
        let of = |status| requests.answered.get_or_create(&labels(status)).get();
        assert_eq!((of("2xx"), of("4xx"), of("5xx")), (2, 1, 0));
    }
}
