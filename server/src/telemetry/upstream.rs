//! What upstreams are asked, why, and what that spares them.
//!
//! Labels are the upstreams that the configuration names, and closed sets. What only a command line
//! names counts as `other`.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use roadstead_mirror::{Cause, How, Note, Notes, Reply, What};

/// The numbers of all upstreams. Clones count into the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct UpstreamCounts {
    allowance: Family<Upstream, Gauge>,
    pull_through: Family<Served, Counter>,
    received: Family<Upstream, Counter>,
    requests: Family<Request, Counter>,
    saved: Family<Upstream, Counter>,
    stale_age: Family<Upstream, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Upstream {
    upstream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    upstream: String,
    cause: &'static str,
    reply: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    upstream: String,
    what: &'static str,
    result: &'static str,
}

impl UpstreamCounts {
    /// Makes the numbers part of what `/metrics` tells.
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self {
            allowance,
            pull_through,
            received,
            requests,
            saved,
            stale_age,
        } = self.clone();
        registry.register(
            "upstream_requests",
            "Requests to upstreams, by why they were made",
            requests,
        );
        registry.register(
            "upstream_received_bytes",
            "Bytes of content that upstreams sent",
            received,
        );
        registry.register(
            "upstream_manifests_left",
            "Manifests that an upstream still gives within its limit, as it said last",
            allowance,
        );
        registry.register(
            "pull_through",
            "What clients asked for of upstreams, and where it came from",
            pull_through,
        );
        registry.register(
            "pull_through_saved_bytes",
            "Bytes that clients were given and upstreams did not send again",
            saved,
        );
        registry.register(
            "pull_through_stale_seconds",
            "How old the word of the upstream was on what was served last without it; 0 once it answers",
            stale_age,
        );
    }

    /// Counts what happens with the upstream of this name.
    pub(crate) fn notes(&self, upstream: &str) -> Notes {
        let (counts, upstream) = (self.clone(), upstream.to_owned());
        Notes::new(move |note| counts.count(&upstream, note))
    }

    fn count(&self, upstream: &str, note: Note) {
        let upstream = || Upstream {
            upstream: upstream.to_owned(),
        };
        match note {
            Note::Asked { cause, reply } => {
                let labels = Request {
                    upstream: upstream().upstream,
                    cause: cause_name(cause),
                    reply: reply_name(reply),
                };
                self.requests.get_or_create(&labels).inc();
            }
            Note::Received { bytes } => {
                self.received.get_or_create(&upstream()).inc_by(bytes);
            }
            Note::Served { what, how } => {
                let labels = Served {
                    upstream: upstream().upstream,
                    what: what_name(what),
                    result: how_name(how),
                };
                self.pull_through.get_or_create(&labels).inc();
            }
            Note::Saved { bytes } => {
                self.saved.get_or_create(&upstream()).inc_by(bytes);
            }
            Note::Stale { age } => {
                let gauge = self.stale_age.get_or_create(&upstream());
                gauge.set(seconds(age));
            }
            Note::Allowance { left } => {
                let gauge = self.allowance.get_or_create(&upstream());
                gauge.set(i64::try_from(left).unwrap_or(i64::MAX));
            }
        }
    }
}

/// At least one where there is any age at all: zero means that the upstream answers.
fn seconds(age: Duration) -> i64 {
    let rounded_up = age.as_secs() + u64::from(age.subsec_nanos() > 0);
    i64::try_from(rounded_up).unwrap_or(i64::MAX)
}

fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Companion => "companion",
        Cause::Confirmation => "confirmation",
        Cause::Job => "job",
        Cause::Listing => "listing",
        Cause::Miss => "miss",
        Cause::Repair => "repair",
        Cause::Revalidation => "revalidation",
    }
}

fn reply_name(reply: Reply) -> &'static str {
    match reply {
        Reply::Answered => "answered",
        Reply::NotFound => "not_found",
        Reply::Refused => "refused",
        Reply::Failed => "failed",
    }
}

fn what_name(what: What) -> &'static str {
    match what {
        What::Blob => "blob",
        What::Listing => "listing",
        What::Manifest => "manifest",
        What::Tag => "tag",
    }
}

fn how_name(how: How) -> &'static str {
    match how {
        How::Failed => "failed",
        How::Hit => "hit",
        How::Joined => "joined",
        How::Miss => "miss",
        How::Revalidated => "revalidated",
        How::Stale => "stale",
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn what_happens_with_an_upstream_is_told_under_its_name() {
        let counts = UpstreamCounts::default();
        let notes = counts.notes("quay.io");
        let (cause, reply) = (Cause::Revalidation, Reply::NotFound);
        let (what, how) = (What::Tag, How::Stale);
        let age = Duration::from_millis(1);
        for note in [
            Note::Asked { cause, reply },
            Note::Received { bytes: 3 },
            Note::Served { what, how },
            Note::Saved { bytes: 5 },
            Note::Stale { age },
            Note::Allowance { left: 7 },
        ] {
            notes.tell(note);
        }
        let mut registry = Registry::default();
        counts.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "upstream_requests_total{upstream=\"quay.io\",cause=\"revalidation\",reply=\"not_found\"} 1",
            "upstream_received_bytes_total{upstream=\"quay.io\"} 3",
            "pull_through_total{upstream=\"quay.io\",what=\"tag\",result=\"stale\"} 1",
            "pull_through_saved_bytes_total{upstream=\"quay.io\"} 5",
            "pull_through_stale_seconds{upstream=\"quay.io\"} 1",
            "upstream_manifests_left{upstream=\"quay.io\"} 7",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
