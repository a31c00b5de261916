//! Releases that are held: where clusters find them, who vouches for them, and how one is updated.

use std::fs;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::openshift::{Component, Release, Stream, name, samples_operator};
use harness::{Anonymous, Format, Image, Outcome, Registry, Upstream};
use serde_json::{Value, json};

use super::{ADDRESS, documents, printed};

/// A registry that holds releases, each in these two repositories.
fn holding(releases: &[(&Release, [&str; 2])]) -> Registry {
    let registry = Registry::with()
        .config(format!("address = \"{ADDRESS}\"\n"))
        .anonymous(Anonymous::Push)
        .start();
    for (release, [images, components]) in releases {
        release.push_components(&registry.plain(), components);
        release.push_image(&registry.plain(), images);
    }
    registry
}

/// Holds a signature of a release, as the data directory has them.
fn sign(registry: &Registry, release: &Release, signature: &[u8]) {
    let name = release.digest().to_string().replace(':', "=");
    let to = registry.data().join("signatures").join(name);
    fs::create_dir_all(&to).expect("a directory");
    fs::write(to.join("signature-1"), signature).expect("a signature");
}

/// A release beside the typical one.
fn another() -> Release {
    let recipe = Release::with("4.18.8");
    recipe.component(Component::small("cli")).build()
}

const APART: [&str; 2] = [name::OUR_RELEASES, name::OUR_COMPONENTS];
const TOGETHER: [&str; 2] = ["ocp4/openshift4"; 2];

#[test]
fn what_a_release_names_is_found_as_oc_would_have_it_found() {
    let release = Release::typical().build();
    let registry = holding(&[(&release, TOGETHER)]);
    let items = "\
- mirrors:
  - registry.example.com:8443/ocp4/openshift4
  source: quay.io/openshift-release-dev/ocp-release
- mirrors:
  - registry.example.com:8443/ocp4/openshift4
  source: quay.io/openshift-release-dev/ocp-v4.0-art-dev
";
    let install = printed(&registry, &["install-config"]);
    assert!(
        install.ends_with(&format!("imageDigestSources:\n{items}")),
        "{install}"
    );
    let lines: Vec<String> = items.lines().map(|line| format!("  {line}\n")).collect();
    let indented = lines.concat();
    for document in ["idms", "icsp"] {
        let text = printed(&registry, &[document]);
        assert!(text.ends_with(&indented), "{text}");
    }
    registry.finish();
}

#[test]
fn one_more_release_of_the_same_kind_changes_no_byte() {
    let (one, other) = (Release::typical().build(), another());
    let registry = holding(&[(&one, APART)]);
    let before = printed(&registry, &["idms"]);
    other.push_components(&registry.plain(), APART[1]);
    other.push_image(&registry.plain(), APART[0]);
    assert_eq!(printed(&registry, &["idms"]), before);
    let named = printed(
        &registry,
        &["idms", "--release", "4.18.8-x86_64", &one.tag()],
    );
    assert_eq!(named, before);
    registry.finish();
}

#[test]
fn the_signatures_of_named_releases_are_handed_out() {
    let (one, other) = (Release::typical().build(), another());
    let registry = holding(&[(&one, APART), (&other, APART)]);
    sign(&registry, &one, b"one");
    sign(&registry, &other, b"other");
    assert_eq!(documents(&printed(&registry, &["signatures"])).len(), 2);

    let text = printed(&registry, &["signatures", "--release", &other.tag()]);

    let [map] = <[Value; 1]>::try_from(documents(&text)).expect("one document");
    let name = other.digest().to_string().replace(':', "-");
    let data = json!({ format!("{name}-1"): STANDARD.encode(b"other") });
    assert_eq!(map["metadata"]["name"], name.as_str());
    assert_eq!(map["binaryData"], data);
    registry.finish();
}

#[test]
fn a_release_that_nobody_vouches_for_is_no_update() {
    let release = Release::typical().build();
    let registry = holding(&[(&release, APART)]);
    for words in [&["update", release.version.as_str()][..], &["signatures"]] {
        let words = [&["cluster"], words].concat();
        let told = registry.command(&words, "");
        assert_eq!(told.stdout, "");
        let story = told.fails(1);
        assert!(story.contains("no signature of"), "{story}");
    }
    registry.finish();
}

/// An `oc` that notes what it is told, and what the documents are that it reads.
const OC: &str = r#"#!/bin/sh
printf '%s\n' "oc $*" >>"$NOTED"
case "$*" in
*--filename=-*) sed -n 's/^kind: /  /p' >>"$NOTED" ;;
*'get image.config'*) printf '%s' "$TRUSTED" ;;
*'get crd'*) [ -z "$OLD" ] ;;
esac
"#;

/// Runs a script where `oc` notes what it is told, by a cluster that trusts by this config map, and
/// that is old. Returns what was noted.
#[track_caller]
fn run(registry: &Registry, script: &str, trusted: &str, old: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = registry.scratch();
    let (oc, noted) = (scratch.file("bin/oc", OC), scratch.file("noted", ""));
    fs::set_permissions(&oc, fs::Permissions::from_mode(0o755)).expect("an executable file");
    let script = scratch.file("update.sh", script);
    let path = format!("{}:/usr/bin:/bin", scratch.join("bin").display());
    let mut shell = Command::new("sh");
    shell.arg(script).stdin(Stdio::null());
    shell.env("PATH", path).env("NOTED", &noted);
    shell.env("TRUSTED", trusted).env("OLD", old);
    Outcome::of(&mut shell, "").ok();
    fs::read_to_string(noted).expect("notes")
}

#[test]
fn the_update_tells_a_cluster_all_it_needs_in_the_right_order() {
    let release = Release::typical().build();
    let registry = holding(&[(&release, APART)]);
    sign(&registry, &release, b"signature");
    let script = printed(&registry, &["update", &release.version]);
    let head = "oc whoami --show-server\noc get clusterversion version\n\
                oc apply --filename=-\n  ConfigMap\n\
                oc get image.config.openshift.io/cluster --output=jsonpath={.spec.additionalTrustedCA.name}\n";
    let trust = "oc apply --filename=-\n  ConfigMap\n\
                 oc patch image.config.openshift.io/cluster --type=merge \
                 --patch={\"spec\":{\"additionalTrustedCA\":{\"name\":\"roadstead-ca\"}}}\n";
    let mirrors = |kind: &str| {
        format!(
            "oc get crd imagedigestmirrorsets.config.openshift.io\noc apply --filename=-\n  {kind}\n"
        )
    };
    let end = format!(
        "oc wait machineconfigpool --all --for=condition=Updated=True --timeout=2h\n\
         oc adm upgrade --allow-explicit-upgrade \
         --to-image=quay.io/openshift-release-dev/ocp-release@{}\n",
        release.digest()
    );
    let newer = mirrors("ImageDigestMirrorSet");
    let expected = format!("{head}{trust}{newer}{end}");
    assert_eq!(run(&registry, &script, "", ""), expected);
    assert_eq!(run(&registry, &script, "roadstead-ca", ""), expected);
    let expected = format!("{head}{newer}{end}");
    assert_eq!(
        run(&registry, &script, "registry-config", ""),
        expected,
        "it is another's"
    );
    let expected = format!("{head}{trust}{}{end}", mirrors("ImageContentSourcePolicy"));
    assert_eq!(run(&registry, &script, "", "yes"), expected);
    registry.finish();
}

#[test]
fn image_streams_that_are_not_held_whole_are_skipped() {
    let streams = [
        Stream::new("ruby").tag("3", "registry.redhat.io/ubi8/ruby:3"),
        Stream::new("php")
            .tag("8", "registry.redhat.io/ubi8/php:8")
            .tag("7", "registry.redhat.io/ubi8/php:7"),
    ];
    let operator = samples_operator("x86_64", &streams);
    let release = Release::with("4.18.7").component(operator).build();
    let registry = holding(&[(&release, APART)]);
    let story = registry.command(&["cluster", "samples"], "").fails(1);
    assert!(story.contains("no image stream is held whole"), "{story}");
    let image = Image::new(Format::Docker, "sample");
    for (repository, tag) in [("ubi8/ruby", "3"), ("ubi8/php", "8")] {
        image.push(&registry.plain(), repository, tag);
    }

    let [config] =
        <[Value; 1]>::try_from(documents(&printed(&registry, &["samples"]))).expect("one");

    let spec = json!({
        "managementState": "Managed",
        "samplesRegistry": ADDRESS,
        "skippedImagestreams": ["php"],
    });
    assert_eq!(config["spec"], spec);
    assert_eq!(config["metadata"]["name"], "cluster");
    let tags = printed(&registry, &["itms"]);
    assert!(
        tags.contains("- registry.example.com:8443/ubi8/ruby\n"),
        "{tags}"
    );
    registry.finish();
}

#[test]
fn samples_are_found_where_they_were_put_and_those_not_wanted_are_skipped() {
    let upstream = Upstream::start();
    upstream.put("ubi8/ruby", "3", &Image::new(Format::Docker, "ruby"));
    let url = upstream.url();
    let registry = Registry::with()
        .config(format!(
            "address = \"{ADDRESS}\"\n[[upstream]]\nname = \"registry.redhat.io\"\nurls = [\"{url}\"]\n"
        ))
        .start();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: imagestreamtag-to-image\ndata:\n  \
               php_8: registry.redhat.io/ubi8/php:8\n  ruby_3: registry.redhat.io/ubi8/ruby:3\n";
    let map = registry.scratch().file("map.yaml", map);
    let map = map.to_str().expect("an ASCII path");
    let words = [
        "mirror",
        "samples",
        "--configmap",
        map,
        "--stream",
        "ruby",
        "--to",
        "samples/rh",
    ];
    registry.command(&words, "").ok();

    let [config] =
        <[Value; 1]>::try_from(documents(&printed(&registry, &["samples"]))).expect("one");

    let spec = json!({
        "managementState": "Managed",
        "samplesRegistry": format!("{ADDRESS}/samples/rh"),
        "skippedImagestreams": ["php"],
    });
    assert_eq!(config["spec"], spec);
    let tags = printed(&registry, &["itms"]);
    let mirror =
        format!("- {ADDRESS}/samples/rh/ubi8/ruby\n    source: registry.redhat.io/ubi8/ruby\n");
    assert!(tags.contains(&mirror), "{tags}");
    registry.finish();
}
