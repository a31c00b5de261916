//! `roadstead cluster`: what clusters and nodes must be told, on standard output or in files.
//!
//! Finds the facts, has the documents made of them and prints them. Invariant: nothing is printed of
//! which a part is missing.

mod asked;
mod node;
mod pull_secret;

use roadstead_mirror::openshift::held::HeldRef;

use crate::admin::client::ask;
use crate::admin::command::Command;
use crate::admin::failure::Failure;
use crate::admin::report::Report;
use crate::cli::address::{asked_or_known, no_key, one_asked_or_known};
use crate::cli::args::cluster::{AboutTrust, Cluster};
use crate::cli::cluster::asked::{Asked, HOW_TO_MIRROR, Wanted, facts};
use crate::cli::print;
use crate::cluster::facts::{Facts, Release};
use crate::cluster::{openshift, release, samples, trust, update};
use crate::config::Source;
use crate::config::address::Address;

/// Carries out one of the commands.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(source: &Source, command: Cluster) -> Result<(), Failure> {
    match command {
        Cluster::Ca(about) => print::text(&trusted(source, about)?),
        Cluster::Containerd { about, to } => node::containerd(source, about, to.as_deref()),
        Cluster::Icsp(about) => {
            let asked = Asked::of(
                source,
                about,
                Wanted::Releases,
                "write an ImageContentSourcePolicy",
            )?;
            print::text(&openshift::image_content_source_policy(&asked.by_digest()?))
        }
        Cluster::Idms(about) => {
            let asked = Asked::of(
                source,
                about,
                Wanted::Releases,
                "write an ImageDigestMirrorSet",
            )?;
            print::text(&openshift::image_digest_mirror_set(&asked.by_digest()?))
        }
        Cluster::InstallConfig(about) => {
            let asked = Asked::of(
                source,
                about,
                Wanted::Releases,
                "write lines for install-config.yaml",
            )?;
            let mirrors = asked.by_digest()?;
            print::text(&openshift::install_config(&mirrors, &asked.facts.pem))
        }
        Cluster::Itms(about) => {
            let asked = Asked::with_samples(source, about, "write an ImageTagMirrorSet")?;
            print::text(&openshift::image_tag_mirror_set(&asked.by_tag()?))
        }
        Cluster::Podman { about, to } => node::podman(source, about, to.as_deref()),
        Cluster::PullSecret(wanted) => pull_secret::run(source, wanted),
        Cluster::Samples(about) => {
            let asked = Asked::with_samples(source, about, "configure the samples operator")?;
            print::text(&samples::config(asked.samples()?, &asked.address))
        }
        Cluster::Signatures(about) => {
            const ATTEMPT: &str = "write the signatures of releases";
            let facts = facts(source, about.releases, Wanted::Releases, ATTEMPT)?;
            print::text(&signatures(&facts, ATTEMPT)?)
        }
        Cluster::Update { release, address } => print::text(&script(source, release, address)?),
    }
}

fn trusted(source: &Source, about: AboutTrust) -> Result<String, Failure> {
    const ATTEMPT: &str = "write the CA for a cluster";
    let Report::Trust(trusted) = ask(source, &Command::CaTrust)? else {
        return Err(Failure::other_report());
    };
    let addresses = asked_or_known(about.address, trusted.address.as_ref(), ATTEMPT)?;
    trust::cluster(&trusted.pem, &addresses).map_err(|address| no_key(address, ATTEMPT))
}

fn signatures(facts: &Facts, attempt: &str) -> Result<String, Failure> {
    let asked: Vec<&Release> = facts.asked().collect();
    if asked.iter().all(|release| release.signatures.is_empty()) {
        let because = match asked.first() {
            Some(release) => no_signature(release),
            None => "no release is held".to_owned(),
        };
        return Err(Failure::new(attempt).since(because).hint(HOW_TO_MIRROR));
    }
    Ok(release::signatures(asked.into_iter()))
}

fn no_signature(release: &Release) -> String {
    format!(
        "no signature of {}-{} is held",
        release.version, release.arch
    )
}

fn script(source: &Source, named: HeldRef, address: Option<Address>) -> Result<String, Failure> {
    let attempt = format!("write the update to {named}");
    let facts = facts(source, vec![named], Wanted::Releases, &attempt)?;
    let address = one_asked_or_known(address, facts.address.as_ref(), &attempt)?;
    let Some(wanted) = facts.asked().next() else {
        return Err(Failure::other_report());
    };
    if wanted.signatures.is_empty() {
        let Release { from, digest, .. } = wanted;
        let hint = format!(
            "a cluster takes it only by `oc adm upgrade --force --allow-explicit-upgrade --to-image={from}@{digest}`, \
             which believes in whatever that is"
        );
        return Err(Failure::new(attempt).since(no_signature(wanted)).hint(hint));
    }
    update::script(&facts, wanted, &address).map_err(|address| no_key(address, &attempt))
}
