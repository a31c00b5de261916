//! What a command line asks of the documents, answered: the facts, the address, and how much of them.
//!
//! Invariant: a document that would say nothing is an error, since it would take away what a cluster was
//! told before.

use roadstead_mirror::openshift::held::HeldRef;
use roadstead_storage::oci::RepoName;

use crate::admin::client::ask;
use crate::admin::command::{Command, WantedFacts};
use crate::admin::failure::Failure;
use crate::admin::report::Report;
use crate::cli::address::one_asked_or_known;
use crate::cli::args::cluster::{About, AboutTags};
use crate::cluster::facts::{Facts, Samples};
use crate::cluster::mirrors::{Mirrors, Scope};
use crate::config::Source;
use crate::config::address::Address;

/// What a document is made of.
pub(super) struct Asked {
    attempt: &'static str,
    /// What is held.
    pub(super) facts: Facts,
    /// How the registry is reached.
    pub(super) address: Address,
    /// How much of what is held is told.
    pub(super) scope: Scope,
}

impl Asked {
    /// What there is to say about this.
    ///
    /// # Errors
    /// When that is not known.
    pub(super) fn of(
        source: &Source,
        about: About,
        wanted: Wanted,
        attempt: &'static str,
    ) -> Result<Self, Failure> {
        let scope = match about.releases.as_slice() {
            [] => Scope::Everything,
            _ => Scope::Named,
        };
        let facts = facts(source, about.releases, wanted, attempt)?;
        let address = one_asked_or_known(about.address, facts.address.as_ref(), attempt)?;
        Ok(Self {
            attempt,
            facts,
            address,
            scope,
        })
    }

    /// The same, with sample images.
    ///
    /// # Errors
    /// When that is not known.
    pub(super) fn with_samples(
        source: &Source,
        AboutTags { about, samples }: AboutTags,
        attempt: &'static str,
    ) -> Result<Self, Failure> {
        Self::of(source, about, Wanted::Samples(samples), attempt)
    }

    /// The mirrors of what is named by digest. There are some: an object without any would take those
    /// away that a cluster has.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn by_digest(&self) -> Result<Mirrors, Failure> {
        let mirrors = Mirrors::by_digest(&self.facts, &self.address, self.scope);
        self.some(mirrors)
    }

    /// The same of what is named by tag.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn by_tag(&self) -> Result<Mirrors, Failure> {
        let mirrors = Mirrors::by_tag(&self.facts, &self.address, self.scope);
        self.some(mirrors)
    }

    fn some(&self, mirrors: Mirrors) -> Result<Mirrors, Failure> {
        if mirrors.is_empty() {
            return Err(Failure::new(self.attempt)
                .since("nothing is held that came from another registry")
                .hint(HOW_TO_MIRROR));
        }
        Ok(mirrors)
    }

    /// The sample images. There are some.
    ///
    /// # Errors
    /// When no image stream is held.
    pub(super) fn samples(&self) -> Result<&Samples, Failure> {
        let nothing = |because: &str| {
            Failure::new(self.attempt)
                .since(because)
                .hint("`roadstead mirror samples` brings sample images in; --samples says where it put them")
        };
        match &self.facts.samples {
            None => Err(nothing(
                "no release is held, and so no image stream is known",
            )),
            Some(samples) if samples.complete.is_empty() => {
                Err(nothing("no image stream is held whole"))
            }
            Some(samples) => Ok(samples),
        }
    }
}

/// What brings in what is not held.
pub(super) const HOW_TO_MIRROR: &str = "`roadstead mirror release` brings a release in";

/// What facts are needed for.
pub(super) enum Wanted {
    /// Documents that know releases and mirrors.
    Releases,
    /// Those that know sample images, too, which lie under this prefix.
    Samples(Option<RepoName>),
}

/// Has the facts gathered.
///
/// # Errors
/// Says why they could not be.
pub(super) fn facts(
    source: &Source,
    releases: Vec<HeldRef>,
    wanted: Wanted,
    attempt: &str,
) -> Result<Facts, Failure> {
    let (with_samples, prefix) = match wanted {
        Wanted::Releases => (false, None),
        Wanted::Samples(prefix) => (true, prefix),
    };
    let command = Command::ClusterFacts(WantedFacts {
        attempt: attempt.to_owned(),
        releases,
        with_samples,
        prefix,
    });
    match ask(source, &command)? {
        Report::Cluster(facts) => Ok(*facts),
        _ => Err(Failure::other_report()),
    }
}
