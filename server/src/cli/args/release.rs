//! The words and flags of `roadstead release`.
//!
//! Owns their help texts. How a release is named is read by the one grammar there is for that.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use roadstead_mirror::openshift::held::HeldRef;
use roadstead_mirror::openshift::tool::{System, Tool};

use crate::cli::args::format::Format;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Release {
    #[command(about = "List the releases that are held\n$ roadstead release list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    #[command(about = "Tell what is in a release, as `oc adm release info` does\n\
                 $ roadstead release info 4.18.7-x86_64")]
    Info {
        #[command(flatten)]
        wanted: WantedRelease,
        #[command(flatten)]
        format: Format,
    },
    #[command(
        about = "Read every byte of a release again and judge its signatures; ends with 2 when \
                 something is missing or damaged, with 1 when nobody who is trusted vouches for it\n\
                 $ roadstead release verify 4.18.7-x86_64"
    )]
    Verify(Verify),
    #[command(
        about = "Take a program out of a release: oc, openshift-install and others\n\
                 $ roadstead release extract 4.18.7-x86_64 --command openshift-install"
    )]
    Extract(Extract),
    #[command(about = "Remove a release, and leave what others need\n\
                 $ roadstead release remove 4.18.7-x86_64 --dry-run")]
    Remove {
        #[command(flatten)]
        wanted: WantedRelease,
        /// Only say what would go, and what space it would free
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        format: Format,
    },
}

/// Which release is meant.
#[derive(Debug, Group)]
pub(in crate::cli) struct WantedRelease {
    /// Which: VERSION-ARCH, VERSION, a digest, or REPOSITORY with :TAG or @DIGEST
    #[arg(value_name = "REF")]
    pub(in crate::cli) release: HeldRef,
}

/// Flags of `release verify`.
#[derive(Debug, Group)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    pub(in crate::cli) wanted: WantedRelease,
    /// Trust the public keys in this file; may be given several times [default: Red Hat's release
    /// key, which is carried]
    #[arg(long = "release-key", value_name = "FILE")]
    pub(in crate::cli) release_keys: Vec<PathBuf>,
    /// Do not mind when nobody who is trusted vouches for it
    #[arg(long)]
    pub(in crate::cli) allow_unsigned: bool,
    #[command(flatten)]
    pub(in crate::cli) format: Format,
}

/// Flags of `release extract`.
#[derive(Debug, Group)]
pub(in crate::cli) struct Extract {
    #[command(flatten)]
    pub(in crate::cli) wanted: WantedRelease,
    /// Which program: oc, openshift-install, openshift-baremetal-install, openshift-install-fips or
    /// ccoctl; oc and ccoctl also with .rhel8 and .rhel9
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) command: Tool,
    /// For which system: linux, linux/ARCH, mac, mac/arm64 or windows [default: linux, for what the
    /// release is for]
    #[arg(long, value_name = "OS/ARCH")]
    pub(in crate::cli) os: Option<System>,
    /// Have an installer name the release as its source does, and not as this registry does
    #[arg(long)]
    pub(in crate::cli) source: bool,
    /// Where to put it [default: here]
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".",
        hide_default_value = true
    )]
    pub(in crate::cli) to: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) format: Format,
}
