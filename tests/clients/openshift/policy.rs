//! A node that runs nothing without the signature of a key that it knows, as clusters since 4.21 do.

use std::io::{self, Write as _};

use harness::openshift::{Release, SignatureStore, SigstoreKey, name, signature_tag};
use harness::tools::Containers;
use harness::upstream::Ca;
use harness::{Outcome, Scratch};
use serde_json::json;

use super::node::tell;
use super::{parts, registry};

/// What Debian's podman says of a signature that it found: it looks for them, and checks none.
const UNCHECKED: &str = "Debian-local change: sigstore disabled";

/// Insists that an image was believed; where podman checks no signature, that it found one.
#[track_caller]
fn believed(pulled: Outcome) {
    if pulled.stderr.contains(UNCHECKED) {
        // Not through `eprintln`, which the test runner would keep to itself.
        drop(writeln!(
            io::stderr(),
            "not checked, for this podman cannot: a signature"
        ));
    } else {
        pulled.ok();
    }
}

/// Insists that an image was not believed because there was no signature.
#[track_caller]
fn refused(pulled: Outcome) {
    let told = pulled.failed();
    assert!(told.contains("no signature exists"), "{told}");
}

/// Lets podman run what lies at quay.io only if this key signed it, whoever serves it.
fn insist(containers: &Containers, key: &SigstoreKey, host: &str) {
    let file = containers.scratch().file("sigstore.pub", key.public());
    let policy = json!({
        "default": [{ "type": "reject" }],
        "transports": { "docker": { name::QUAY: [{
            "type": "sigstoreSigned",
            "keyPath": file,
            "signedIdentity": { "type": "matchRepository" },
        }] } },
    });
    let attached = "use-sigstore-attachments: true";
    let signatures =
        format!("docker:\n  \"{host}\":\n    {attached}\n  quay.io:\n    {attached}\n");
    containers.policy(&policy.to_string(), &signatures);
}

#[test]
fn a_node_that_wants_signatures_finds_those_of_release_component_and_child() {
    let (ca, scratch) = (Ca::new(), Scratch::new());
    let (Some(containers), Some((mut upstream, key))) = (Containers::new(), parts(&ca)) else {
        return;
    };
    let (release, store) = (Release::typical().build(), SignatureStore::new());
    let client = upstream.client();
    release.push(&client);
    store.put(
        &release.digest(),
        1,
        key.attest(&release.digest(), "quay.io/a/b:1"),
    );
    let sigstore = SigstoreKey::new();
    let list = release.component("tests");
    let subjects = [
        (
            name::RELEASES,
            name::OUR_RELEASES,
            release.digest(),
            release.digest(),
        ),
        (
            name::COMPONENTS,
            name::OUR_COMPONENTS,
            release.component("etcd").digest(),
            release.component("etcd").digest(),
        ),
        // Pulled by the digest of the list, and believed by the signature of its child.
        (
            name::COMPONENTS,
            name::OUR_COMPONENTS,
            list.digest(),
            list.children[0].digest(),
        ),
    ];
    for (there, _, _, signed) in &subjects {
        let named = format!("{}/{there}", name::QUAY);
        sigstore.sign(&client, there, &named, signed);
    }
    let registry = registry(&upstream, &ca, &scratch, &key.file());
    let store = store.path().to_str().expect("a path of text");
    let words = [
        "mirror",
        "release",
        "4.18.7-x86_64",
        "--signature-store",
        store,
    ];
    registry.command(&words, "").ok();
    upstream.stop();
    tell(&containers, &registry);
    insist(&containers, &sigstore, &registry.host());
    let pull = |there: &str, digest: &harness::Digest| {
        let name = format!("{}/{there}@{digest}", name::QUAY);
        containers.podman(&["pull", "--quiet", &name])
    };
    let unsigned = release.component("pod").digest();
    refused(pull(name::COMPONENTS, &unsigned));
    for (there, _, pulled, _) in &subjects {
        believed(pull(there, pulled));
    }
    containers.forget_images();
    let admin = registry.admin();
    for (there, here, pulled, signed) in &subjects {
        let signature = signature_tag(signed);
        admin
            .delete(format!("/v2/{here}/manifests/{signature}"))
            .expect(202);
        refused(pull(there, pulled));
    }
    registry.finish().no_uploads();
}
