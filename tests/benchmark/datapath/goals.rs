//! What the project has set itself, held against what was measured.

use std::fmt::{self, Display, Formatter};

use crate::row::Row;
use crate::sample::Figure as F;
use crate::target::{DISTRIBUTION, NGINX, ROADSTEAD};

/// A goal, and how near the run came.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) limit: Limit,
    /// `None` when a contestant of its row is missing.
    pub(crate) measured: Option<f64>,
}

/// How much, or how little, it has to be.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// The rows, what of them, as a ratio to whom, and the limit.
type Wish<'a> = (&'a [&'a str], F, Option<&'static str>, Limit);

const MANIFESTS: [&str; 4] = [
    "manifest-tag-plain",
    "manifest-digest-plain",
    "manifest-tag-tls",
    "manifest-digest-tls",
];
const PLAIN: [&str; 3] = ["blob-plain-1", "blob-plain-4", "blob-plain-16"];
const TLS: [&str; 3] = ["blob-tls-1", "blob-tls-4", "blob-tls-16"];
const BESIDE: [&str; 4] = [
    "beside-plain-1",
    "beside-plain-4",
    "beside-tls-1",
    "beside-tls-4",
];
const PUSHES: [&str; 2] = ["push-large", "push-chunk"];

const WISHES: [Wish<'static>; 11] = [
    (
        &MANIFESTS,
        F::CpuPerRequest,
        Some(NGINX),
        Limit::AtMost(0.8),
    ),
    (
        &MANIFESTS,
        F::Requests,
        Some(DISTRIBUTION),
        Limit::AtLeast(10.0),
    ),
    (&PLAIN, F::CpuPerGib, Some(NGINX), Limit::AtMost(1.25)),
    (
        &PLAIN,
        F::Throughput,
        Some(DISTRIBUTION),
        Limit::AtLeast(1.0),
    ),
    (&TLS, F::CpuPerGib, Some(NGINX), Limit::AtMost(0.75)),
    (&BESIDE, F::P99, None, Limit::AtMost(5.0)),
    (&PUSHES, F::CpuPerGib, None, Limit::AtMost(1.5)),
    (
        &PUSHES,
        F::Throughput,
        Some(DISTRIBUTION),
        Limit::AtLeast(1.3),
    ),
    (
        &["push-small"],
        F::Requests,
        Some(DISTRIBUTION),
        Limit::AtLeast(2.0),
    ),
    (&["cold"], F::FirstByte, None, Limit::AtMost(50.0)),
    (&["cold"], F::Fetches, None, Limit::AtMost(1.0)),
];

/// The goals of the rows that were measured.
pub(crate) fn judge(rows: &[Row]) -> Vec<Goal> {
    let wishes = WISHES.iter();
    wishes.flat_map(|wish| goals(wish, rows)).collect()
}

fn goals((names, figure, peer, limit): &Wish<'_>, rows: &[Row]) -> Vec<Goal> {
    let head = figure.names().0;
    let goal = |row: &Row| {
        let ours = row.median(ROADSTEAD, *figure);
        let (what, measured) = match peer {
            None => (format!("{}: {head}", row.name), ours),
            Some(peer) => {
                let theirs = row.median(peer, *figure);
                let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
                (format!("{}: {head}, ratio to {peer}", row.name), ratio)
            }
        };
        Goal {
            what,
            limit: *limit,
            measured,
        }
    };
    let measured = |name: &&str| rows.iter().find(|row| row.name == *name);
    let meant = names.iter().filter_map(measured);
    meant.map(goal).collect()
}

impl Goal {
    /// Whether it was reached, if it was measured.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        self.measured.map(|measured| match self.limit {
            Limit::AtLeast(limit) => measured >= limit,
            Limit::AtMost(limit) => measured <= limit,
        })
    }
}

impl Display for Goal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { what, limit, .. } = self;
        write!(f, "{what:<60}{:>13}", limit.to_string())?;
        let Some((measured, is_reached)) = self.measured.zip(self.is_reached()) else {
            return write!(f, "{:>10}  not measured", "-");
        };
        if is_reached {
            write!(f, "{measured:>10.2}  reached")
        } else {
            let (Limit::AtLeast(wanted) | Limit::AtMost(wanted)) = limit;
            let distance = (measured / wanted - 1.0).abs() * 100.0;
            write!(f, "{measured:>10.2}  MISSED by {distance:.0} %")
        }
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
