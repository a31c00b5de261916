//! podman and containerd, told by `cluster podman` and `cluster containerd` where images are, while the
//! registry that those come from is gone.

use harness::tools::{Containerd, Containers};
use harness::{Anonymous, Digest, Format, Image, Registry, Upstream};

/// A registry that holds an image of `up.invalid` by tag and another by digest alone, and what these two
/// are called.
fn registry() -> (Registry, [String; 2]) {
    let upstream = Upstream::start();
    let images = ["one", "two"].map(|text| Image::new(Format::Oci, text));
    let [one, two] = &images;
    let digest: Digest = two.digest();
    upstream.put("team/app", "1", one);
    upstream.put("team/base", digest.as_str(), two);
    let url = upstream.url();
    let config = format!("[[upstream]]\nname = \"up.invalid\"\nurls = [\"{url}\"]\n");
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::None)
        .start();
    let names = [
        "up.invalid/team/app:1".to_owned(),
        format!("up.invalid/team/base@{digest}"),
    ];
    registry
        .command(&["mirror", "image", &names[0], &names[1]], "")
        .ok();
    (registry, names)
}

/// Has a document written into a directory.
#[track_caller]
fn write(registry: &Registry, what: &str, to: &std::path::Path) {
    let to = to.to_str().expect("scratch paths are text");
    let host = registry.host();
    let words = ["cluster", what, "--address", &host, "--to", to];
    registry.command(&words, "").ok();
}

/// The login of the nodes.
#[track_caller]
fn pull_secret(registry: &Registry) -> String {
    let host = registry.host();
    registry
        .command(&["cluster", "pull-secret", "--address", &host], "")
        .ok()
}

#[test]
fn podman_pulls_by_the_original_names() {
    let Some(containers) = Containers::new() else {
        return;
    };
    let (registry, names) = registry();
    write(
        &registry,
        "podman",
        &containers.scratch().join(".config/containers"),
    );
    containers
        .scratch()
        .file("auth.json", pull_secret(&registry));
    for name in &names {
        containers.podman(&["pull", name]).ok();
    }
    registry.finish();
}

#[test]
fn containerd_pulls_by_the_original_names() {
    let Some(containerd) = Containerd::start() else {
        return;
    };
    let (registry, names) = registry();
    let to = registry.scratch().join("containerd");
    write(&registry, "containerd", &to);
    let secret: serde_json::Value =
        serde_json::from_str(&pull_secret(&registry)).expect("one JSON document");
    let auth = secret["auths"][registry.host()]["auth"].as_str();
    let login = decoded(auth.expect("a login"));
    let hosts = to.join("certs.d");
    let hosts = hosts.to_str().expect("scratch paths are text");
    for name in &names {
        let words = [
            "images",
            "pull",
            "--snapshotter",
            "native",
            "--hosts-dir",
            hosts,
            "--user",
            &login,
            name,
        ];
        containerd.ctr(&words).ok();
    }
    registry.finish();
}

fn decoded(auth: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(auth);
    String::from_utf8(bytes.expect("base64")).expect("a text")
}
