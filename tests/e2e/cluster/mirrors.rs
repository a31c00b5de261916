//! Mirrors: what was brought in from elsewhere is found here, and nothing else is.

use harness::Registry;

use super::{printed, registry};

/// A document of these lines that names both repositories.
fn of_both(head: &str) -> String {
    format!(
        "{head}  - mirrors:\n    - registry.example.com:8443/up.example/team/app\n    source: up.example/team/app\n  \
         - mirrors:\n    - registry.example.com:8443/up.example/team/base\n    source: up.example/team/base\n"
    )
}

#[test]
fn what_was_mirrored_is_found_by_digest_with_a_server_and_without() {
    let (mut registry, _) = registry();
    let head = "apiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\n\
                metadata:\n  name: roadstead\nspec:\n  imageDigestMirrors:\n";
    let expected = of_both(head);
    assert_eq!(printed(&registry, &["idms"]), expected);
    registry.stop();
    assert_eq!(printed(&registry, &["idms"]), expected);
    registry.start_again();
    registry.finish();
}

#[test]
fn older_clusters_are_told_in_their_own_words() {
    let (registry, _) = registry();
    let head = "apiVersion: operator.openshift.io/v1alpha1\nkind: ImageContentSourcePolicy\n\
                metadata:\n  name: roadstead\nspec:\n  repositoryDigestMirrors:\n";
    assert_eq!(printed(&registry, &["icsp"]), of_both(head));
    registry.finish();
}

#[test]
fn only_what_has_tags_is_found_by_tag() {
    let (registry, _) = registry();
    let expected = "apiVersion: config.openshift.io/v1\nkind: ImageTagMirrorSet\nmetadata:\n  name: roadstead\n\
                    spec:\n  imageTagMirrors:\n  - mirrors:\n    - other.example.com/up.example/team/app\n    \
                    source: up.example/team/app\n";
    let words = ["itms", "--address", "other.example.com"];
    assert_eq!(printed(&registry, &words), expected);
    registry.finish();
}

#[test]
fn a_registry_without_mirrors_tells_clusters_nothing() {
    let registry = Registry::open();
    for document in [
        "idms",
        "itms",
        "icsp",
        "install-config",
        "podman",
        "containerd",
    ] {
        let told = registry.command(&["cluster", document], "");
        assert_eq!(told.stdout, "");
        let story = told.fails(1);
        assert!(
            story.contains("nothing is held") && story.contains("hint: "),
            "{story}"
        );
    }
    registry.finish();
}

#[test]
fn a_release_that_is_not_held_is_said_not_to_be() {
    let (registry, _) = registry();
    for words in [
        &["idms", "--release", "4.18.7-x86_64"][..],
        &["signatures", "--release", "4.18.7"],
        &["update", "4.18.7"],
    ] {
        let words = [&["cluster"], words].concat();
        let story = registry.command(&words, "").fails(1);
        assert!(
            story.contains("4.18.7") && story.contains("hint: "),
            "{story}"
        );
    }
    registry.finish();
}
