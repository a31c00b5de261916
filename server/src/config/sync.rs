//! The `[[sync]]` sections: what is brought in again and again, and when.
//!
//! Owns their grammar. What they name is not looked for here. Invariant: a job brings something, and no
//! two have one name.

use std::collections::BTreeSet;
use std::fmt::Display;

use roadstead_mirror::job::{SourceRef, WantedPlatform};
use roadstead_mirror::openshift::{ReleaseRef, ReleaseSource};
use roadstead_storage::oci::RepoName;
use serde::{Deserialize, Serialize, Serializer};

use crate::auth::pattern::RepoPattern;
use crate::config::cron::Cron;
use crate::config::invalid::{Invalid, parse, parse_all};
use crate::config::unit::Span;

/// Which repositories of a registry are meant where none are named.
const ALL: &str = "**";

/// One `[[sync]]`: content that is brought in again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Sync {
    /// What it is called; no other has this name.
    pub(crate) name: String,
    /// Images, tag patterns and ranges that are wanted.
    #[serde(serialize_with = "as_texts")]
    pub(crate) images: Vec<SourceRef>,
    /// For which platforms; all, if there are none.
    #[serde(serialize_with = "as_texts")]
    pub(crate) platforms: Vec<WantedPlatform>,
    /// Releases that are wanted.
    #[serde(serialize_with = "as_texts")]
    pub(crate) releases: Vec<ReleaseRef>,
    /// Whether the samples of those are wanted too.
    pub(crate) samples: bool,
    /// A registry that is wanted as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// Which repositories of that.
    pub(crate) repositories: Vec<RepoPattern>,
    /// What stands before their names here; may be empty.
    pub(crate) to: String,
    /// Whether what the upstream no longer has goes here, too.
    pub(crate) prune: bool,
    /// When it runs.
    #[serde(flatten)]
    pub(crate) when: When,
}

/// When a sync job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum When {
    /// By command alone.
    Asked {},
    /// So long after the end of the last run.
    Every {
        /// How long.
        every: Span,
    },
    /// At these moments of local time.
    Schedule {
        /// Which.
        schedule: Cron,
    },
}

fn as_texts<T: Display, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(ToString::to_string))
}

/// One `[[sync]]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSync {
    name: String,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    releases: Vec<String>,
    #[serde(default)]
    samples: bool,
    from: Option<String>,
    #[serde(default)]
    repositories: Vec<String>,
    #[serde(default)]
    to: String,
    #[serde(default)]
    prune: bool,
    schedule: Option<String>,
    every: Option<String>,
}

/// Checks all jobs of the file.
///
/// # Errors
/// Names the key that is wrong.
pub(crate) fn check(raw: Vec<RawSync>) -> Result<Vec<Sync>, Invalid> {
    let mut names = BTreeSet::new();
    let jobs = raw.into_iter().enumerate().map(|(place, raw)| {
        let job = raw.check(place)?;
        if names.insert(job.name.clone()) {
            Ok(job)
        } else {
            let key = format!("sync[{place}].name");
            Err(Invalid::new(key, "another job has this name"))
        }
    });
    jobs.collect()
}

/// Releases, as a command line names them.
fn releases(key: String, texts: &[String]) -> Result<Vec<ReleaseRef>, Invalid> {
    let source = ReleaseSource::default();
    let parsed = texts.iter();
    let parsed: Result<_, _> = parsed
        .map(|text| ReleaseRef::parse(text, &source, None))
        .collect();
    parsed.map_err(|error| Invalid::new(key, error))
}

impl RawSync {
    fn check(self, place: usize) -> Result<Sync, Invalid> {
        let key = |name| format!("sync[{place}].{name}");
        if self.name.is_empty() || self.name.contains(char::is_control) {
            return Err(Invalid::new(key("name"), "a job needs a name"));
        }
        let when = match (self.schedule, self.every) {
            (None, None) => When::Asked {},
            (Some(text), None) => When::Schedule {
                schedule: parse(key("schedule"), &text)?,
            },
            (None, Some(text)) => When::Every {
                every: parse(key("every"), &text)?,
            },
            (Some(_), Some(_)) => {
                return Err(Invalid::new(
                    key("every"),
                    "stands beside a schedule: one is enough",
                ));
            }
        };
        let mut repositories = self.repositories;
        match &self.from {
            None if !repositories.is_empty() => {
                return Err(Invalid::new(
                    key("repositories"),
                    "are those of a registry, which \"from\" has to name",
                ));
            }
            Some(from) if from.is_empty() || from.contains('/') => {
                return Err(Invalid::new(key("from"), "not the name of a registry"));
            }
            Some(_) if repositories.is_empty() => repositories.push(ALL.to_owned()),
            _ => {}
        }
        if !self.to.is_empty() {
            parse::<RepoName>(key("to"), &self.to)?;
        }
        let job = Sync {
            name: self.name,
            images: parse_all(&key("images"), &self.images)?,
            platforms: parse_all(&key("platforms"), &self.platforms)?,
            releases: releases(key("releases"), &self.releases)?,
            samples: self.samples,
            from: self.from,
            repositories: parse_all(&key("repositories"), &repositories)?,
            to: self.to,
            prune: self.prune,
            when,
        };
        if job.samples && job.releases.is_empty() {
            let because = "are those of releases, which \"releases\" has to name";
            return Err(Invalid::new(key("samples"), because));
        }
        let is_empty = job.images.is_empty() && job.releases.is_empty() && job.from.is_none();
        if is_empty {
            return Err(Invalid::new(
                key("images"),
                "nothing is wanted, here and in \"from\"",
            ));
        }
        Ok(job)
    }
}
