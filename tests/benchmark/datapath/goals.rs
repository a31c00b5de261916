//! What the project has set itself, held against what was measured.

use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

use crate::fleet::{DISTRIBUTION, NGINX, ROADSTEAD};
use crate::report::Report;
use crate::row::Figure;

/// A goal, and how near the run came.
pub(crate) struct Goal {
    what: String,
    limit: Limit,
    /// `None` when its row, or a contestant of it, was not measured.
    measured: Option<f64>,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// Of what a figure of ours is a ratio.
type Peer = Option<&'static str>;

/// Every goal, in the order of the rows.
pub(crate) fn judge(report: &Report) -> Vec<Goal> {
    use Figure as F;
    use Limit::{AtLeast, AtMost};
    let rows: [(&str, Figure, Peer, Limit); 18] = [
        (
            "manifest-tag-plain",
            F::CpuPerRequest,
            Some(NGINX),
            AtMost(0.8),
        ),
        (
            "manifest-digest-plain",
            F::CpuPerRequest,
            Some(NGINX),
            AtMost(0.8),
        ),
        (
            "manifest-tag-tls",
            F::CpuPerRequest,
            Some(NGINX),
            AtMost(0.8),
        ),
        (
            "manifest-digest-tls",
            F::CpuPerRequest,
            Some(NGINX),
            AtMost(0.8),
        ),
        (
            "manifest-tag-plain",
            F::Requests,
            Some(DISTRIBUTION),
            AtLeast(10.0),
        ),
        (
            "manifest-digest-plain",
            F::Requests,
            Some(DISTRIBUTION),
            AtLeast(10.0),
        ),
        ("blob-plain-1", F::CpuPerGib, Some(NGINX), AtMost(1.25)),
        ("blob-plain-4", F::CpuPerGib, Some(NGINX), AtMost(1.25)),
        (
            "blob-plain-1",
            F::Throughput,
            Some(DISTRIBUTION),
            AtLeast(1.0),
        ),
        (
            "blob-plain-4",
            F::Throughput,
            Some(DISTRIBUTION),
            AtLeast(1.0),
        ),
        ("blob-tls-1", F::CpuPerGib, Some(NGINX), AtMost(0.75)),
        ("blob-tls-4", F::CpuPerGib, Some(NGINX), AtMost(0.75)),
        ("beside-plain", F::P99, None, AtMost(5.0)),
        ("push-large", F::CpuPerGib, None, AtMost(1.5)),
        (
            "push-large",
            F::Throughput,
            Some(DISTRIBUTION),
            AtLeast(1.3),
        ),
        ("push-small", F::Requests, Some(DISTRIBUTION), AtLeast(2.0)),
        ("cold", F::FirstByte, None, AtMost(50.0)),
        ("cold", F::Fetches, None, AtMost(1.0)),
    ];
    rows.into_iter()
        .map(|(row, figure, peer, limit)| {
            let ours = report.median(row, ROADSTEAD, figure);
            let (head, _) = figure.names();
            let (what, measured) = match peer {
                None => (format!("{row}: {head}"), ours),
                Some(peer) => {
                    let theirs = report.median(row, peer, figure);
                    let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
                    (format!("{row}: {head}, ratio to {peer}"), ratio)
                }
            };
            Goal {
                what,
                limit,
                measured,
            }
        })
        .collect()
}

impl Goal {
    fn is_reached(&self) -> Option<bool> {
        self.measured.map(|measured| match self.limit {
            Limit::AtLeast(limit) => measured >= limit,
            Limit::AtMost(limit) => measured <= limit,
        })
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "goal": self.what,
            "limit": self.limit.to_string(),
            "measured": self.measured,
            "reached": self.is_reached(),
        })
    }
}

impl Display for Goal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let said = match self.is_reached() {
            None => "not measured",
            Some(true) => "reached",
            Some(false) => "MISSED",
        };
        let measured = self
            .measured
            .map_or_else(|| "-".to_owned(), |measured| format!("{measured:.2}"));
        let Self { what, limit, .. } = self;
        write!(
            f,
            "{what:<58}{:>14}{measured:>10}  {said}",
            limit.to_string()
        )
    }
}

impl Display for Limit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
        }
    }
}
