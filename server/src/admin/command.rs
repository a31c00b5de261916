//! The commands that look after a registry, as data.
//!
//! They cross the admin socket, so they hold no password of ours, of which only the hash goes over, show
//! none of others', and hold no path but that of a backup: all other files are read and written by who
//! gave the command. Knows nothing of how they are carried out.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use roadstead_certs::SubjectName;
use roadstead_mirror::openshift::held::HeldRef;
use roadstead_storage::oci::{Digest, RepoName, Tag};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::admin::failure::Failure;
use crate::admin::place::Place;
use crate::admin::release::WantedTool;
use crate::admin::release::trust::GivenTrust;
use crate::admin::text;
use crate::admin::wanted::{Wanted, WantedRelease, WantedSamples, WantedStreams};
use crate::auth::name::UserName;
use crate::auth::password::PasswordHash;

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Issue a certificate for another server.
    CaIssue {
        /// The names it is for.
        #[serde(with = "text::list")]
        names: BTreeSet<SubjectName>,
    },
    /// Issue a new server certificate now.
    CaRenew,
    /// Put a new authority in place of the current one; both are trusted for a while.
    CaRotate,
    /// Describe the certificates.
    CaShow,
    /// Hand out what clients must trust.
    CaTrust,
    /// Make an account that only pulls, or give it another password.
    ClusterAccount {
        /// Its name.
        name: UserName,
        /// What its password is checked against.
        hash: PasswordHash,
    },
    /// Gather what documents for clusters and nodes say.
    ClusterFacts(WantedFacts),
    /// Show the configuration as it is understood.
    ConfigShow,
    /// Copy what the store holds to a directory of the caller's.
    MirrorExport {
        /// What that is called.
        dir: String,
        /// What is to be copied; all, if there are none.
        targets: Vec<RepoTarget>,
        /// Only say what it would do.
        dry_run: bool,
    },
    /// Copy images from other registries.
    MirrorImage(Wanted),
    /// Copy images from a directory of the caller's.
    MirrorImport {
        /// What that is called.
        dir: String,
        /// Only say what it would do.
        dry_run: bool,
    },
    /// Copy a release from another registry.
    MirrorRelease(Box<WantedRelease>),
    /// Run jobs of the configuration, or wait for those that run.
    MirrorRun {
        /// Which, and whether they run.
        jobs: WantedJobs,
    },
    /// Copy samples from other registries, or list them.
    MirrorSamples(Box<WantedSamples>),
    /// Describe the jobs of the configuration, and what became of them.
    MirrorStatus,
    /// Hand out a program of a release.
    ReleaseExtract(WantedTool),
    /// Tell what is in a release.
    ReleaseInfo {
        /// Which.
        #[serde(with = "text::one")]
        release: HeldRef,
    },
    /// List the releases.
    ReleaseList,
    /// Remove a release.
    ReleaseRemove {
        /// Which.
        #[serde(with = "text::one")]
        release: HeldRef,
        /// Only say what it would do.
        dry_run: bool,
    },
    /// Read all of a release again, and judge its signatures.
    ReleaseVerify {
        /// Which.
        #[serde(with = "text::one")]
        release: HeldRef,
        /// Whose signatures count.
        trust: GivenTrust,
    },
    /// List the repositories.
    RepoList,
    /// Remove a repository, or something in it.
    RepoRemove {
        /// What.
        target: RepoTarget,
        /// Only say what it would do.
        dry_run: bool,
    },
    /// Describe a repository.
    RepoShow {
        /// Which.
        name: RepoName,
    },
    /// Copy the store.
    StoreBackup {
        /// Where to.
        place: Place,
    },
    /// Take away what nothing needs.
    StoreGc {
        /// Only say what it would do.
        dry_run: bool,
    },
    /// Build the index anew.
    StoreReindex,
    /// Read every byte again.
    StoreScrub,
    /// Count what the store holds.
    StoreStat,
    /// Add an account.
    UserAdd {
        /// Its name.
        name: UserName,
        /// What its password is checked against.
        hash: PasswordHash,
        /// Whether it administers the registry.
        is_admin: bool,
    },
    /// List the accounts.
    UserList,
    /// Change the password of an account.
    UserPassword {
        /// Whose.
        name: UserName,
        /// What the new password is checked against.
        hash: PasswordHash,
    },
    /// Remove an account.
    UserRemove {
        /// Whose.
        name: UserName,
    },
}

impl Command {
    /// Whether it asks other registries for something.
    pub(super) fn asks_upstreams(&self) -> bool {
        matches!(
            self,
            Self::MirrorImage(_)
                | Self::MirrorRelease(_)
                | Self::MirrorRun { .. }
                | Self::MirrorSamples(_)
        )
    }

    /// Whether it is one that copies and is not only to say what that would come to.
    fn copies(&self) -> bool {
        match self {
            Self::MirrorImage(wanted) => !wanted.dry_run,
            Self::MirrorRelease(wanted) => !wanted.dry_run,
            Self::MirrorSamples(wanted) => !wanted.dry_run && wanted.streams != WantedStreams::None,
            _ => false,
        }
    }

    /// Whether the caller's files belong to it, in a directory that the command line names.
    pub(super) fn comes_with_files(&self) -> bool {
        matches!(
            self,
            Self::MirrorExport { .. } | Self::MirrorImport { .. } | Self::ReleaseExtract(_)
        )
    }

    /// How to go on after it was stopped; nothing for one that is over in a moment and cannot be.
    pub(super) fn way_on(&self) -> Option<&'static str> {
        match self {
            Self::MirrorExport { dry_run: false, .. }
            | Self::MirrorImport { dry_run: false, .. } => {
                Some("what was copied stays; the same command goes on from there")
            }
            Self::MirrorImage(_) | Self::MirrorRelease(_) | Self::MirrorSamples(_)
                if self.copies() =>
            {
                Some("what has arrived stays; the same command goes on from there")
            }
            Self::MirrorRun {
                jobs: WantedJobs { dry_run: false, .. },
            } => Some("what has arrived stays; `roadstead mirror run` goes on from there"),
            Self::MirrorExport { .. }
            | Self::MirrorImage(_)
            | Self::MirrorImport { .. }
            | Self::MirrorRelease(_)
            | Self::MirrorRun { .. }
            | Self::MirrorSamples(_) => {
                Some("nothing was to be copied; give the command once more")
            }
            Self::StoreBackup { .. } => Some("the same command goes on where it was stopped"),
            Self::StoreGc { .. } => {
                Some("what it took away stays away; `roadstead store gc` takes the rest")
            }
            Self::StoreReindex => {
                Some("a running server builds it to the end; else `roadstead store reindex` does")
            }
            Self::StoreScrub => {
                Some("what it found stays set aside; `roadstead store scrub` begins anew")
            }
            _ => None,
        }
    }

    /// The failure of a command that was stopped.
    pub(super) fn stopped(&self) -> Failure {
        let failure = Failure::new(self.to_string()).since("it was stopped");
        match self.way_on() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Says what is attempted, as it stands after `error: `.
impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaIssue { names } => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                write!(f, "issue a certificate for {}", names.join(", "))
            }
            Self::CaRenew => f.write_str("renew the server certificate"),
            Self::CaRotate => f.write_str("rotate the certificate authority"),
            Self::CaShow => f.write_str("describe the certificates"),
            Self::CaTrust => f.write_str("export the certificate authority"),
            Self::ClusterAccount { name, .. } => write!(f, "make an account {name} for nodes"),
            Self::ClusterFacts(wanted) => f.write_str(&wanted.attempt),
            Self::ConfigShow => f.write_str("show the configuration"),
            Self::MirrorExport { dir, .. } => write!(f, "export to {dir}"),
            Self::MirrorImage(wanted) => write!(f, "mirror {wanted}"),
            Self::MirrorImport { dir, .. } => write!(f, "import from {dir}"),
            Self::MirrorRelease(wanted) => write!(f, "mirror {wanted}"),
            Self::MirrorRun { jobs } => write!(f, "{jobs}"),
            Self::MirrorSamples(wanted) => write!(f, "mirror {wanted}"),
            Self::MirrorStatus => f.write_str("describe the sync jobs"),
            Self::ReleaseExtract(wanted) => write!(f, "extract {wanted}"),
            Self::ReleaseInfo { release } => write!(f, "describe the release {release}"),
            Self::ReleaseList => f.write_str("list the releases"),
            Self::ReleaseRemove { release, .. } => write!(f, "remove the release {release}"),
            Self::ReleaseVerify { release, .. } => write!(f, "verify the release {release}"),
            Self::RepoList => f.write_str("list the repositories"),
            Self::RepoRemove { target, .. } => write!(f, "remove {target}"),
            Self::RepoShow { name } => write!(f, "describe the repository {name}"),
            Self::StoreBackup { place } => {
                write!(f, "back the store up to {}", place.dir().display())
            }
            Self::StoreGc { .. } => f.write_str("collect what nothing needs"),
            Self::StoreReindex => f.write_str("build the index anew"),
            Self::StoreScrub => f.write_str("scrub the store"),
            Self::StoreStat => f.write_str("count what the store holds"),
            Self::UserAdd { name, .. } => write!(f, "add the user {name}"),
            Self::UserList => f.write_str("list the users"),
            Self::UserPassword { name, .. } => write!(f, "change the password of {name}"),
            Self::UserRemove { name } => write!(f, "remove the user {name}"),
        }
    }
}

/// What documents for clusters and nodes shall be about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WantedFacts {
    /// What they are needed for, as it stands after `error: `.
    pub(crate) attempt: String,
    /// Which releases; all, if there are none.
    #[serde(with = "text::list")]
    pub(crate) releases: Vec<HeldRef>,
    /// Whether sample images count, too.
    pub(crate) with_samples: bool,
    /// Where those lie.
    pub(crate) prefix: Option<RepoName>,
}

/// Jobs of the configuration that are to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedJobs {
    /// Which; all, if there are none.
    pub(crate) names: Vec<String>,
    /// Only say what that would come to.
    pub(crate) dry_run: bool,
}

impl Display for WantedJobs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let attempt = if self.dry_run { "plan" } else { "run" };
        write!(f, "{attempt} the sync jobs")?;
        if !self.names.is_empty() {
            write!(f, " {}", self.names.join(", "))?;
        }
        Ok(())
    }
}

/// A repository, or a tag or a manifest in it: `NAME`, `NAME:TAG` or `NAME@DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepoTarget {
    /// The repository.
    pub(crate) name: RepoName,
    /// What in it; nothing stands for all.
    pub(crate) part: Option<Part>,
}

/// Something in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// A manifest, with all its tags.
    Manifest(Digest),
    /// A tag alone.
    Tag(Tag),
}

impl FromStr for RepoTarget {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |name: &str, part| match name.parse() {
            Ok(name) => Ok(Self { name, part }),
            Err(_) => Err(InvalidTarget),
        };
        // No name holds `@` or `:`, so the first one ends it.
        if let Some((name, digest)) = text.split_once('@') {
            let digest = digest.parse().map_err(|_| InvalidTarget)?;
            return parse(name, Some(Part::Manifest(digest)));
        }
        match text.split_once(':') {
            Some((name, tag)) => parse(
                name,
                Some(Part::Tag(tag.parse().map_err(|_| InvalidTarget)?)),
            ),
            None => parse(text, None),
        }
    }
}

impl Display for RepoTarget {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.part {
            None => write!(f, "{}", self.name),
            Some(Part::Manifest(digest)) => write!(f, "{}@{digest}", self.name),
            Some(Part::Tag(tag)) => write!(f, "{}:{tag}", self.name),
        }
    }
}

/// A text that names nothing in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not NAME, NAME:TAG or NAME@DIGEST, without the address of the registry")]
pub(crate) struct InvalidTarget;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_repositories_tags_or_manifests() {
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        for text in ["a", "a/b/c", "a/b:1.0", &digest] {
            assert_eq!(text.parse::<RepoTarget>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "A",
            "a:",
            "a@",
            "a@latest",
            "host:8443/a",
            "a:b@sha256:0",
            "a/../b",
        ] {
            assert!(text.parse::<RepoTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_command_that_crosses_the_socket_holds_no_password() {
        let password = crate::auth::password::Password::new("hunter2".to_owned()).unwrap();
        let command = Command::UserAdd {
            name: "ann".parse().unwrap(),
            hash: password.hash().unwrap(),
            is_admin: false,
        };
        let sent = serde_json::to_string(&command).unwrap();
        assert!(!sent.contains("hunter2"), "{sent}");
        let heard: Command = serde_json::from_str(&sent).unwrap();
        assert_eq!(heard.to_string(), "add the user ann");
    }
}
