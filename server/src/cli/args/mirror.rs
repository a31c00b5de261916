//! The words and flags of `roadstead mirror`.
//!
//! Owns their help texts. What stands for a source or a destination is read elsewhere, where what was
//! wrong can be said in full.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use roadstead_mirror::job::WantedPlatform;

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
