//! A node that runs nothing without the signature of a key that it knows, as clusters since 4.21 do.

use harness::Scratch;
use harness::openshift::{Release, SignatureStore, SigstoreKey, name, signature_tag};
use harness::tools::Containers;
use harness::upstream::Ca;
use serde_json::json;

use super::node::tell;
use super::{parts, registry};

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
    let [key, directory] = [&*key.file(), store.path()].map(|path| path.display().to_string());
    let registry = registry(&upstream, &ca, &scratch, &key, &directory);
    registry
        .command(&["mirror", "release", "4.18.7-x86_64"], "")
        .ok();
    upstream.stop();
    tell(&containers, &registry);
    insist(&containers, &sigstore, &registry.host());
    let pull = |there: &str, digest: &harness::Digest| {
        let name = format!("{}/{there}@{digest}", name::QUAY);
        containers.podman(&["pull", "--quiet", &name])
    };
    let unsigned = release.component("pod").digest();
    pull(name::COMPONENTS, &unsigned).failed();
    for (there, _, pulled, _) in &subjects {
        pull(there, pulled).ok();
    }
    containers.forget_images();
    let admin = registry.admin();
    for (there, here, pulled, signed) in &subjects {
        let signature = signature_tag(signed);
        admin
            .delete(format!("/v2/{here}/manifests/{signature}"))
            .expect(202);
        pull(there, pulled).failed();
    }
    registry.finish().no_uploads();
}
