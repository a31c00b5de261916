//! What clusters and nodes are told: documents ready to apply, the same bytes every time.

mod mirrors;
mod node;
mod pull_secret;
mod release;
mod trust;

use harness::{Anonymous, Digest, Format, Image, Registry, Upstream};
use serde_json::Value;

/// How the clusters of these scenarios reach the registry.
const ADDRESS: &str = "registry.example.com:8443";

/// A registry that holds, of the upstream that it calls `up.example`, `team/app` by tag and
/// `team/base` by digest alone, and `mine/app`, which somebody pushed. Returns the digest of `team/base`.
fn registry() -> (Registry, Digest) {
    let upstream = Upstream::start();
    let [app, base] = ["app", "base"].map(|name| Image::new(Format::Oci, name));
    upstream.put("team/app", "1", &app);
    let digest = base.digest();
    upstream.put("team/base", digest.as_str(), &base);
    let registry = Registry::with()
        .config(format!(
            "address = \"{ADDRESS}\"\n[[upstream]]\nname = \"up.example\"\nurls = [\"{}\"]\n",
            upstream.url()
        ))
        .anonymous(Anonymous::Push)
        .start();
    let by_digest = format!("up.example/team/base@{digest}");
    registry
        .command(
            &["mirror", "image", "up.example/team/app:1", &by_digest],
            "",
        )
        .ok();
    app.push(&registry.plain(), "mine/app", "1");
    (registry, digest)
}

/// What `cluster` prints for these words, asked twice.
#[track_caller]
fn printed(registry: &Registry, words: &[&str]) -> String {
    let words = [&["cluster"], words].concat();
    let told = registry.command(&words, "");
    let text = told.stdout.clone();
    told.ok();
    let again = registry.command(&words, "");
    assert_eq!(again.stdout, text, "the same bytes");
    text
}

/// The documents of a text.
#[track_caller]
fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).expect("YAML")
}

/// The CA, as a file holds it.
#[track_caller]
fn ca(registry: &Registry) -> String {
    registry.command(&["ca", "export"], "").stdout
}
