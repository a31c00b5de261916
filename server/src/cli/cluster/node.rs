//! What single nodes are told: files for podman and its kin, and for containerd.

use std::path::Path;

use crate::admin::failure::Failure;
use crate::cli::args::cluster::{About, AboutTags};
use crate::cli::cluster::asked::{Asked, Wanted};
use crate::cli::file::{self, Readers};
use crate::cli::print;
use crate::cluster::mirrors::Mirrors;
use crate::cluster::{containerd, podman};
use crate::config::Source;

/// The directory that podman and its kin look into for CAs, below that of their configuration.
const PODMAN_CERTS: &str = "certs.d";
/// What the CA is called there.
const PODMAN_CA: &str = "ca.crt";

/// `cluster podman`.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn podman(source: &Source, about: AboutTags, to: Option<&Path>) -> Result<(), Failure> {
    let asked = Asked::with_samples(source, about, "configure podman")?;
    let by_digest = asked.by_digest()?;
    let by_tag = Mirrors::by_tag(&asked.facts, &asked.address, asked.scope);
    let registries = podman::registries(&by_digest, &by_tag);
    let Some(to) = to else {
        return print::text(&registries);
    };
    let trusted = to.join(PODMAN_CERTS).join(asked.address.to_string());
    let files = [
        (trusted, PODMAN_CA, asked.facts.pem.as_str()),
        (to.join(podman::DIRECTORY), podman::FILE, &registries),
    ];
    files
        .into_iter()
        .try_for_each(|(directory, name, text)| write(&directory, name, text))
}

/// `cluster containerd`.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn containerd(source: &Source, about: About, to: Option<&Path>) -> Result<(), Failure> {
    let asked = Asked::of(source, about, Wanted::Releases, "configure containerd")?;
    asked.by_digest()?;
    let registries = containerd::registries(&asked.facts, asked.scope);
    let own = asked.address.to_string();
    let mut hosts: Vec<(String, String)> = registries
        .into_iter()
        .map(|registry| {
            let text = containerd::hosts(&registry, &asked.address);
            (registry, text)
        })
        .collect();
    hosts.push((own, containerd::own_hosts(&asked.address)));
    for (registry, text) in hosts {
        let below = Path::new(containerd::DIRECTORY).join(registry);
        match to {
            None => {
                let file = below.join(containerd::HOSTS);
                print::text(&format!("# {}\n{text}\n", file.display()))?;
            }
            Some(to) => {
                let directory = to.join(below);
                // The CA first: what names it must find it.
                write(&directory, containerd::CA, &asked.facts.pem)?;
                write(&directory, containerd::HOSTS, &text)?;
            }
        }
    }
    Ok(())
}

fn write(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let written = file::write(directory, name, text, Readers::All)?;
    print::text(&format!("{}\n", written.display()))
}
