//! The words and flags of `roadstead mirror`.
//!
//! Owns their help texts. What stands for a source or a destination is read elsewhere, where what was
//! wrong can be said in full.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use roadstead_mirror::job::WantedPlatform;
use roadstead_mirror::openshift::{Arch, ReleaseSource};
use roadstead_storage::oci::RepoName;

use crate::admin::wanted::Destination;
use crate::cli::args::format::Format;
use crate::cli::args::media::{MediaExport, MediaImport};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Mirror {
    #[command(
        about = "Copy images, with their signatures; ends with 2 when something is missing\n\
                 $ roadstead mirror image 'docker.io/library/nginx:>=1.27 <2' --dry-run",
        override_usage = "roadstead mirror image [OPTIONS] SRC... [DST]\n       \
                          roadstead mirror image [OPTIONS] -f FILE"
    )]
    Image(Image),
    #[command(
        about = "Copy an OpenShift release, with all its components and signatures\n\
                 $ roadstead mirror release 4.18.7-x86_64 --authfile pull-secret.json"
    )]
    Release(MirrorRelease),
    #[command(
        about = "Copy the images of OpenShift's samples, or list which there are\n\
                 $ roadstead mirror samples 4.18.7-x86_64 --stream httpd --stream ruby",
        override_usage = "roadstead mirror samples [OPTIONS] SRC\n       \
                          roadstead mirror samples [OPTIONS] --configmap FILE"
    )]
    Samples(MirrorSamples),
    #[command(
        about = "Run sync jobs of the configuration now, or wait for those that run\n\
                 $ roadstead mirror run base-images"
    )]
    Run {
        /// Which [default: all]
        #[arg(value_name = "JOB")]
        jobs: Vec<String>,
        /// Only say what would be copied, and how much that is
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        format: Format,
    },
    #[command(
        about = "Bring images from a directory that oc or `mirror export` wrote\n\
                 $ roadstead mirror import /run/media/usb"
    )]
    Import(MediaImport),
    #[command(
        about = "Write images to a directory, to be carried where there is no network\n\
                 $ roadstead mirror export /run/media/usb openshift/release"
    )]
    Export(MediaExport),
    #[command(
        about = "Show what sync jobs do, what became of them and when they run next\n\
                 $ roadstead mirror status"
    )]
    Status {
        #[command(flatten)]
        format: Format,
    },
}

/// Flags of every command that copies from other registries.
#[derive(Debug, Group)]
pub(in crate::cli) struct Copying {
    /// Log in with what this file says [default: as podman and docker, where the configuration says
    /// nothing]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) authfile: Option<PathBuf>,
    /// Only say what would be copied, and how much that is
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) format: Format,
}

/// Flags of `mirror image`.
#[derive(Debug, Group)]
pub(in crate::cli) struct Image {
    // Not doc comments: they would take patterns for links.
    #[arg(
        value_name = "SRC",
        required_unless_present = "file",
        help = "What to copy: REGISTRY/PATH, with :TAG, @DIGEST, a pattern (:1.*) or a range of \
                versions (:>=1.20 <2). The last may say where to put it: a repository here, with \
                or without a tag [default: REGISTRY/PATH]"
    )]
    pub(in crate::cli) images: Vec<String>,
    /// Copy what this file lists, one `SRC [DST]` on each line
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
    /// Copy only what runs on this platform, and keep lists of images as they are; may be given
    /// several times [default: all]
    #[arg(long = "platform", value_name = "OS/ARCH")]
    pub(in crate::cli) platforms: Vec<WantedPlatform>,
    /// Pass over what the registry does not have
    #[arg(long)]
    pub(in crate::cli) skip_missing: bool,
    #[command(flatten)]
    pub(in crate::cli) copying: Copying,
}

/// Which release is meant, and whom to believe that it is one.
#[derive(Debug, Group)]
pub(in crate::cli) struct FromRelease {
    /// In which repository releases are looked for [default:
    /// quay.io/openshift-release-dev/ocp-release]
    #[arg(long, value_name = "REGISTRY/PATH")]
    pub(in crate::cli) from: Option<ReleaseSource>,
    /// For which architecture [default: what SRC says, else this machine's]
    #[arg(long, value_name = "ARCH")]
    pub(in crate::cli) arch: Option<Arch>,
    /// Believe who has this key, and not those that are carried or configured; may be given several
    /// times
    #[arg(long = "release-key", value_name = "FILE")]
    pub(in crate::cli) keys: Vec<PathBuf>,
    /// Look for signatures here, and not where they are published; may be given several times
    #[arg(long = "signature-store", value_name = "URL|DIR")]
    pub(in crate::cli) stores: Vec<String>,
    /// Go on where there is no valid signature
    #[arg(long)]
    pub(in crate::cli) allow_unsigned: bool,
}

/// Flags of `mirror release`.
#[derive(Debug, Group)]
pub(in crate::cli) struct MirrorRelease {
    /// Which: VERSION-ARCH, a version, a digest, or REGISTRY/PATH with a tag or a digest
    #[arg(value_name = "SRC")]
    pub(in crate::cli) release: String,
    #[command(flatten)]
    pub(in crate::cli) from: FromRelease,
    /// Put all of it into this repository here [default: openshift/release-images, and
    /// openshift/release for the components]
    #[arg(long, value_name = "REPO")]
    pub(in crate::cli) to: Option<Destination>,
    #[command(flatten)]
    pub(in crate::cli) copying: Copying,
}

/// Flags of `mirror samples`.
#[derive(Debug, Group)]
pub(in crate::cli) struct MirrorSamples {
    /// Of which release: VERSION-ARCH, a version, a digest, or REGISTRY/PATH with a tag or a digest
    #[arg(value_name = "SRC", required_unless_present = "configmap")]
    pub(in crate::cli) release: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) from: FromRelease,
    /// Copy the images of this stream; may be given several times
    #[arg(long = "stream", value_name = "NAME", conflicts_with = "all")]
    pub(in crate::cli) streams: Vec<String>,
    /// Copy the images of all streams
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Read which there are from a cluster's config map imagestreamtag-to-image in this file
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    pub(in crate::cli) configmap: Option<PathBuf>,
    /// Put them below this name here
    #[arg(long, value_name = "PREFIX")]
    pub(in crate::cli) to: Option<RepoName>,
    #[command(flatten)]
    pub(in crate::cli) copying: Copying,
}
