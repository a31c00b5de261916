//! Content that commands and jobs bring in from other registries.

mod dry_run;
mod image;
mod job;
mod login;
mod owner;
mod schedule;
mod stop;
mod unconfigured;

use std::process::{Child, Command, Stdio};

use harness::{Anonymous, Client, Digest, Registry, Upstream, binary};
use serde_json::Value;

/// A registry that knows this upstream, which it calls `up.example`, and has these jobs.
fn registry(upstream: &Upstream, jobs: &str) -> Registry {
    Registry::with()
        .config(config(upstream, jobs))
        .anonymous(Anonymous::Pull)
        .start()
}

/// The configuration of such a registry.
fn config(upstream: &Upstream, jobs: &str) -> String {
    let url = upstream.url();
    format!("[[upstream]]\nname = \"up.example\"\nurls = [\"{url}\"]\n{jobs}\n")
}

/// A job of this name with these keys.
pub(crate) fn job(name: &str, keys: &str) -> String {
    format!("[[sync]]\nname = \"{name}\"\n{keys}\n")
}

/// The document that a command prints, however it ends.
#[track_caller]
pub(crate) fn document(registry: &Registry, words: &[&str], code: i32) -> Value {
    let words = [&["mirror"], words, &["--json"]].concat();
    let outcome = registry.command(&words, "");
    assert_eq!(outcome.code, Some(code), "{outcome}");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// How the only job stands.
#[track_caller]
fn standing(registry: &Registry) -> Value {
    document(registry, &["status"], 0)["jobs"][0].take()
}

/// For each image of a report, in the order of their names: what it is, and how it stands.
pub(crate) fn states(report: &Value) -> Vec<(String, String)> {
    let images = report["images"].as_array().expect("a report has images");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let states = images
        .iter()
        .map(|image| (text(&image["source"]), text(&image["state"])));
    let mut states: Vec<_> = states.collect();
    states.sort();
    states
}

/// What a tag names, if it is there.
pub(crate) fn tag(client: &Client, repository: &str, tag: &str) -> Option<Digest> {
    let answer = client.manifest(repository, tag);
    (answer.status == 200).then(|| answer.digest())
}

/// Starts a command that is not waited for.
pub(crate) fn begin(registry: &Registry, words: &[&str]) -> Child {
    let mut command = Command::new(binary());
    command.arg("mirror").args(words);
    command.arg("--data").arg(registry.data());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start a command")
}
