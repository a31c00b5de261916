//! The command line: flags and words, parsed into the types that the rest works with.
//!
//! Owns every flag's name, help text and grammar. It does nothing. Invariant: the commands stand in
//! the order in which a newcomer needs them, each with one example.

pub(super) mod cluster;
mod format;
mod media;
mod mirror;
mod release;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};
use roadstead_certs::SubjectName;
use roadstead_storage::oci::RepoName;

pub(super) use self::format::Format;
pub(super) use self::media::{MediaExport, MediaImport};
pub(super) use self::mirror::{Copying, FromRelease, Image, Mirror, MirrorRelease, MirrorSamples};
pub(super) use self::release::{Extract, Release, Verify};
use crate::admin::command::RepoTarget;
use crate::auth::config::Anonymous;
use crate::auth::name::UserName;
use crate::config::address::Address;
use crate::config::environment::Environment;
use crate::config::{Flags, Source};
use crate::telemetry::LogFormat;

/// A small self-hosted OCI registry.
#[derive(Debug, Parser)]
#[command(
    name = "roadstead",
    version,
    about = "A small self-hosted registry for container images",
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Which registry is meant.
#[derive(Debug, Group)]
pub(super) struct Place {
    /// The configuration file [default: /etc/roadstead/config.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: /var/lib/roadstead for root, else ~/.local/share/roadstead]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    /// Where the configuration comes from when there are no flags but these.
    pub(super) fn source(self, environment: Environment) -> Source {
        let flags = Flags {
            data: self.data,
            ..Flags::default()
        };
        Source {
            file: self.config,
            flags,
            environment,
        }
    }
}

// Only what was asked for is built: the rest would stay in the memory of a server for nothing.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    #[command(about = "Run the registry\n$ roadstead serve --name registry.example.com")]
    Serve(Serve),
    #[command(about = "Add, list and remove who may log in\n$ roadstead user add ann")]
    #[command(subcommand)]
    User(User),
    #[command(
        about = "Show and export the CA that clients must trust\n$ roadstead ca export > ca.crt"
    )]
    #[command(subcommand)]
    Ca(Ca),
    #[command(
        about = "Bring content in from other registries\n$ roadstead mirror image 'quay.io/team/app:1.*'"
    )]
    #[command(subcommand)]
    Mirror(Mirror),
    #[command(
        about = "Tell clusters and nodes what they need to use this registry\n$ roadstead cluster idms | oc apply -f -"
    )]
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    #[command(
        about = "Look into the OpenShift releases that are held, and check them\n$ roadstead release list"
    )]
    #[command(subcommand)]
    Release(Release),
    #[command(about = "Look into repositories and remove from them\n$ roadstead repo list")]
    #[command(subcommand)]
    Repo(Repo),
    #[command(about = "Look after the data\n$ roadstead store stat")]
    #[command(subcommand)]
    Store(Store),
    #[command(about = "Check and show the configuration\n$ roadstead config check")]
    #[command(subcommand)]
    Config(Config),
}

/// Flags of `serve`.
#[derive(Debug, Group)]
pub(super) struct Serve {
    /// How clients reach the registry [default: the first name with the first TLS port]
    #[arg(long, value_name = "HOST[:PORT]")]
    address: Option<Address>,
    // Not a doc comment: it would take the default for a link.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        help = "Serve TLS here; may be given several times [default: [::]:8443]"
    )]
    listen: Vec<SocketAddr>,
    /// Serve plain HTTP here; may be given several times [default: nowhere]
    #[arg(long, value_name = "ADDR:PORT")]
    http_listen: Vec<SocketAddr>,
    /// A DNS name or IP address for the certificate; may be given several times
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<SubjectName>,
    /// What is open without login: none, pull, or push (which is everything) [default: pull]
    #[arg(long, value_name = "none|pull|push")]
    anonymous: Option<Anonymous>,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
}

impl Serve {
    /// Puts the flags of `serve` over a source that has none.
    pub(super) fn apply(self, source: &mut Source) {
        let data = source.flags.data.take();
        source.flags = Flags {
            address: self.address,
            anonymous: self.anonymous,
            data,
            http_listen: self.http_listen,
            listen: self.listen,
            names: self.names,
        };
    }
}

/// Where a password comes from.
#[derive(Debug, Clone, Copy, Group)]
pub(super) struct PasswordFrom {
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    pub(super) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a user
    Add {
        /// Letters, digits and `. _ - + @`
        name: UserName,
        #[command(flatten)]
        password: PasswordFrom,
        /// Let the user delete, and see the metrics
        #[arg(long)]
        admin: bool,
    },
    /// List the users
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Remove a user; all tokens of theirs end at once
    Remove {
        /// Who
        name: UserName,
    },
    /// Change a user's password; all tokens of theirs end at once
    Password {
        /// Whose
        name: UserName,
        #[command(flatten)]
        password: PasswordFrom,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Ca {
    /// Describe the CA and the server certificate
    Show {
        #[command(flatten)]
        format: Format,
    },
    /// Write what clients must trust
    Export(Export),
    /// Issue a new server certificate now
    Renew {
        #[command(flatten)]
        format: Format,
    },
    /// Make a new CA; clients of the old one are served until it ends
    Rotate {
        #[command(flatten)]
        format: Format,
    },
    /// Issue a certificate for another server: NAME.crt and NAME.key
    Issue {
        /// The DNS names and IP addresses it is for; the first names the files
        #[arg(long = "name", value_name = "NAME", required = true, num_args = 1..)]
        names: Vec<SubjectName>,
        /// Where to put the files [default: here]
        #[arg(
            long,
            value_name = "DIR",
            default_value = ".",
            hide_default_value = true
        )]
        to: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

/// Flags of `ca export`.
#[derive(Debug, Group)]
pub(super) struct Export {
    /// For whom it is written
    #[arg(long, value_name = "FORMAT", default_value = "pem")]
    pub(super) format: TrustFormat,
    /// How clients reach the registry; may be given several times [default: as configured]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) address: Vec<Address>,
    /// The directory that --format certs.d writes into [default: certs.d]
    #[arg(long, value_name = "DIR")]
    pub(super) to: Option<PathBuf>,
}

/// The forms in which systems want to be told what to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TrustFormat {
    /// The certificates alone
    Pem,
    /// The config map that `image.config.openshift.io` refers to
    #[value(name = "configmap")]
    ConfigMap,
    /// The lines for install-config.yaml
    InstallConfig,
    /// The directories that podman, docker and containerd look into
    #[value(name = "certs.d")]
    CertsDirectory,
}

#[derive(Debug, Subcommand)]
pub(super) enum Repo {
    /// List the repositories and what they take
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show the tags of a repository
    Show {
        /// Which, without the address of the registry
        name: RepoName,
        #[command(flatten)]
        format: Format,
    },
    /// Remove a repository, a tag or a manifest
    Remove {
        /// What, without the address of the registry; a digest stands for its tags too
        #[arg(value_name = "NAME[:TAG|@DIGEST]")]
        target: RepoTarget,
        /// Only say what would go, and what space it would free
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Count what the store holds
    Stat {
        #[command(flatten)]
        format: Format,
    },
    /// Take away what no manifest needs; the server does it by itself every day
    Gc {
        /// Only say what would go, and what space it would free
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Read every byte again and set aside what is damaged; ends with 2 when something is lost
    Scrub {
        #[command(flatten)]
        format: Format,
    },
    /// Build the index anew, from which repositories are listed
    Reindex {
        #[command(flatten)]
        format: Format,
    },
    /// Copy the store while it is used, and later what is new; `serve --data DIR` runs on the copy
    Backup {
        /// Where to: a new or empty directory, or an earlier backup
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Read the configuration and name what is wrong in it
    Check {
        #[command(flatten)]
        format: Format,
    },
    /// Print the configuration as it is understood, secrets hidden
    Show {
        #[command(flatten)]
        format: Format,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }
}
