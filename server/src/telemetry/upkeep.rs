//! The numbers of the store's upkeep: backups, collections, scrubs and what they found; and its room.
//!
//! They count what was done to the store, whoever asked for it. A dry run does nothing and is not
//! counted. Invariant: `lost` is what the last whole scrub found missing, so that it falls again when
//! the content is back.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use roadstead_storage::{BackedUp, Collected, Error, Outcome, Scrubbed, Trimmed, Usage};

use crate::telemetry::space::Space;

/// The numbers. Clones count into the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    backed_up_blobs: Counter,
    backed_up_bytes: Counter,
    backups: Family<Ended, Counter>,
    collected_blobs: Counter,
    collected_bytes: Counter,
    collections: Family<Ended, Counter>,
    defects: Family<Ended, Counter>,
    lost: Gauge,
    scrubbed_bytes: Counter,
    scrubs: Family<Ended, Counter>,
    space: Space,
    trimmed_bytes: Counter,
    trimmed_manifests: Counter,
}

/// How a run ended, or what became of a defect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

impl Counts {
    /// Makes them part of what `/metrics` tells.
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self {
            backed_up_blobs,
            backed_up_bytes,
            backups,
            collected_blobs,
            collected_bytes,
            collections,
            defects,
            lost,
            scrubbed_bytes,
            scrubs,
            space,
            trimmed_bytes,
            trimmed_manifests,
        } = self.clone();
        registry.register("backups", "Backups that ended", backups);
        registry.register(
            "backed_up_blobs",
            "Blobs that backups copied",
            backed_up_blobs,
        );
        registry.register(
            "backed_up_bytes",
            "Bytes of blobs that backups copied",
            backed_up_bytes,
        );
        registry.register("collections", "Collections that ended", collections);
        registry.register(
            "collected_blobs",
            "Blobs that collections took away",
            collected_blobs,
        );
        registry.register(
            "collected_bytes",
            "Bytes of blobs that collections took away",
            collected_bytes,
        );
        registry.register("scrubs", "Scrubs that ended", scrubs);
        registry.register(
            "scrubbed_bytes",
            "Bytes of blobs that scrubs read",
            scrubbed_bytes,
        );
        registry.register(
            "scrub_defects",
            "Defects that scrubs found, by what became of them",
            defects,
        );
        registry.register("lost", "Losses that the last scrub found", lost);
        registry.register(
            "trimmed_manifests",
            "Manifests that were pulled through and went to make room",
            trimmed_manifests,
        );
        registry.register(
            "trimmed_bytes",
            "Bytes of blobs that went to make room",
            trimmed_bytes,
        );
        space.register(registry);
    }

    /// Counts a backup that ended. One that is missing what is damaged counts as failed: somebody
    /// should look.
    pub(crate) fn backup(&self, outcome: &Result<BackedUp, Error>) {
        let ended = match outcome {
            Ok(done) if !done.is_complete() => Ended { outcome: "failed" },
            outcome => ended(outcome),
        };
        self.backups.get_or_create(&ended).inc();
        if let Ok(done) = outcome {
            self.backed_up_blobs.inc_by(done.copied);
            self.backed_up_bytes.inc_by(done.bytes);
        }
    }

    /// Counts a collection that ended.
    pub(crate) fn collection(&self, outcome: &Result<Collected, Error>) {
        self.collections.get_or_create(&ended(outcome)).inc();
        if let Ok(collected) = outcome {
            self.collected_blobs.inc_by(collected.blobs);
            self.collected_bytes.inc_by(collected.bytes);
        }
    }

    /// Counts bytes that a scrub has just read.
    pub(crate) fn scrubbed(&self, bytes: u64) {
        self.scrubbed_bytes.inc_by(bytes);
    }

    /// Counts a scrub that ended, and what it found.
    pub(crate) fn scrub(&self, outcome: &Result<Scrubbed, Error>) {
        self.scrubs.get_or_create(&ended(outcome)).inc();
        let Ok(scrubbed) = outcome else {
            return;
        };
        let mut lost = 0;
        for defect in &scrubbed.defects {
            self.defects.get_or_create(&became(defect.outcome)).inc();
            lost += i64::from(defect.outcome == Outcome::Lost);
        }
        self.lost.set(lost);
    }

    /// Counts what went to make room.
    pub(crate) fn trim(&self, trimmed: &Trimmed) {
        self.trimmed_bytes.inc_by(trimmed.bytes);
        self.trimmed_manifests.inc_by(trimmed.manifests);
    }

    /// Notes what the store takes and what room there is.
    pub(crate) fn space(&self, usage: Usage) {
        self.space.set(usage);
    }
}

fn ended<T>(outcome: &Result<T, Error>) -> Ended {
    let outcome = match outcome {
        Ok(_) => "done",
        Err(Error::Stopped) => "stopped",
        Err(_) => "failed",
    };
    Ended { outcome }
}

fn became(outcome: Outcome) -> Ended {
    let outcome = match outcome {
        Outcome::Lost => "lost",
        Outcome::Repaired => "repaired",
        Outcome::SetAside => "set-aside",
        // The rest, what later versions of the store add included, only asks for a look.
        _ => "reported",
    };
    Ended { outcome }
}
