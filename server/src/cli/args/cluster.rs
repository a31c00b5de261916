//! The words and flags of `roadstead cluster`.
//!
//! Owns their help texts. All documents take the same two flags, also where one of them changes nothing,
//! so that a script can ask for one after the other in the same words.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use roadstead_mirror::openshift::held::HeldRef;
use roadstead_storage::oci::RepoName;

use crate::auth::name::UserName;
use crate::config::address::Address;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Cluster {
    #[command(about = "Print the lines for install-config.yaml: mirrors and CA\n\
                       $ roadstead cluster install-config >> install-config.yaml")]
    InstallConfig(About),
    #[command(
        about = "Make or renew an account that may only pull, and print a pull secret\n\
                       $ roadstead cluster pull-secret --merge pull-secret.json > merged.json"
    )]
    PullSecret(PullSecret),
    #[command(
        about = "Print the mirrors of images that are named by digest (OpenShift 4.13 or later)\n\
                       $ roadstead cluster idms | oc apply -f -"
    )]
    Idms(About),
    #[command(
        about = "Print the mirrors of images that are named by tag (OpenShift 4.13 or later)\n\
                       $ roadstead cluster itms | oc apply -f -"
    )]
    Itms(AboutTags),
    #[command(about = "Print the mirrors as OpenShift before 4.13 knows them\n\
                       $ roadstead cluster icsp | oc apply -f -")]
    Icsp(About),
    #[command(about = "Print the CA for a cluster, and what has it trusted\n\
                       $ roadstead cluster ca | oc apply -f -")]
    Ca(AboutTrust),
    #[command(
        about = "Print the signatures of releases, without which no cluster updates to them\n\
                       $ roadstead cluster signatures | oc apply -f -"
    )]
    Signatures(About),
    #[command(
        about = "Print a script that updates a cluster to a release that is held\n\
                       $ roadstead cluster update 4.18.7 > update.sh"
    )]
    Update {
        /// The release: its version, tag or digest
        #[arg(value_name = "VERSION")]
        release: HeldRef,
        /// How clusters reach the registry [default: as configured]
        #[arg(long, value_name = "HOST[:PORT]")]
        address: Option<Address>,
    },
    #[command(
        about = "Print the configuration of the samples operator; it skips what is not held\n\
                       $ roadstead cluster samples | oc apply -f -"
    )]
    Samples(AboutTags),
    #[command(about = "Print or write what podman, skopeo and CRI-O must be told\n\
                       $ roadstead cluster podman --to /etc/containers")]
    Podman {
        #[command(flatten)]
        about: AboutTags,
        /// Write registries.conf.d and certs.d into this directory instead of printing
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    #[command(about = "Print or write what containerd must be told\n\
                       $ roadstead cluster containerd --to /etc/containerd")]
    Containerd {
        #[command(flatten)]
        about: About,
        /// Write certs.d into this directory instead of printing
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

/// What a document is about.
#[derive(Debug, Group)]
pub(in crate::cli) struct About {
    /// How clusters reach the registry [default: as configured]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(in crate::cli) address: Option<Address>,
    /// A release that is held, by its version, tag or digest; may be given several times [default:
    /// everything that is held]
    #[arg(long = "release", value_name = "REF", num_args = 1..)]
    pub(in crate::cli) releases: Vec<HeldRef>,
}

/// What a document is about that knows sample images.
#[derive(Debug, Group)]
pub(in crate::cli) struct AboutTags {
    #[command(flatten)]
    pub(in crate::cli) about: About,
    /// Where `mirror samples --to` put the sample images [default: as it was told]
    #[arg(long, value_name = "PREFIX")]
    pub(in crate::cli) samples: Option<RepoName>,
}

/// Flags of `cluster ca`.
#[derive(Debug, Group)]
pub(in crate::cli) struct AboutTrust {
    /// How clusters reach the registry; may be given several times [default: as configured]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(in crate::cli) address: Vec<Address>,
    /// As for the other documents; it changes nothing here
    #[arg(long = "release", value_name = "REF", num_args = 1..)]
    pub(in crate::cli) releases: Vec<HeldRef>,
}

/// Flags of `cluster pull-secret`.
#[derive(Debug, Group)]
pub(in crate::cli) struct PullSecret {
    /// How clusters reach the registry; may be given several times [default: as configured]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(in crate::cli) address: Vec<Address>,
    /// Print this pull secret with the login added, or put in the place of an older one
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) merge: Option<PathBuf>,
    /// The account; its password is new each time, so each cluster may have one of its own
    #[arg(long, value_name = "NAME", default_value = "nodes")]
    pub(in crate::cli) user: UserName,
}
