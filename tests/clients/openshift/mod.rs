//! Releases of `OpenShift`, from a registry of others to the clients of a cluster: docker-registry
//! stands for the registries that payloads name, podman for a node.

mod fixture;
mod node;
mod policy;

use std::path::Path;

use harness::openshift::{LOGIN, ReleaseKey, name};
use harness::tools::Distribution;
use harness::upstream::Ca;
use harness::{Anonymous, Registry, Scratch};
use serde_json::json;

/// A registry that knows this one as all that payloads name, logs in there, and believes the owner of
/// this key.
#[track_caller]
fn registry(upstream: &Distribution, ca: &Ca, scratch: &Scratch, key: &Path) -> Registry {
    let ca = scratch.file("ca.crt", ca.pem());
    let login = json!({ "username": LOGIN.0, "password": LOGIN.1 });
    let login = json!({ "auths": { upstream.host(): login } });
    let login = scratch.file("auth.json", login.to_string());
    let (url, ca, login) = (upstream.url(), ca.display(), login.display());
    let names = [name::QUAY].into_iter().chain(name::RED_HAT);
    let upstreams = names.fold(String::new(), |all, name| {
        all + &format!(
            "[[upstream]]\nname = \"{name}\"\nurls = [\"{url}\"]\n\
             ca_file = \"{ca}\"\nauth_file = \"{login}\"\n"
        )
    });
    let trust = format!("[release]\nkeys = [\"{}\"]\n", key.display());
    Registry::with()
        .config(trust + &upstreams)
        .anonymous(Anonymous::Pull)
        .start()
}

/// Starts docker-registry for [`LOGIN`], empty, and makes a key, or neither.
fn parts(ca: &Ca) -> Option<(Distribution, ReleaseKey)> {
    let key = ReleaseKey::new()?;
    Some((Distribution::start(ca, LOGIN.0, LOGIN.1)?, key))
}
