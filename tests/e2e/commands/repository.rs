//! `repo` and `store stat`: what is there, what it takes, and what goes when it is removed.

use harness::{Format, Image, Registry};
use serde_json::Value;

fn json(registry: &Registry, words: &[&str]) -> Value {
    let mut all = words.to_vec();
    all.push("--json");
    let text = registry.command(&all, "").ok();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// Runs a check beside the server, without it, and beside it again.
#[track_caller]
fn with_and_without_a_server(registry: &mut Registry, check: impl Fn(&Registry)) {
    check(registry);
    registry.stop();
    check(registry);
    registry.start_again();
    check(registry);
}

#[test]
fn repositories_and_their_tags_are_listed() {
    let mut registry = Registry::open();
    let client = registry.plain();
    Image::new(Format::Oci, "one").push(&client, "team/app", "v1");
    Image::new(Format::Oci, "two").push(&client, "other", "v2");

    with_and_without_a_server(&mut registry, |registry| {
        for words in [
            &["repo", "list"][..],
            &["store", "stat"],
            &["repo", "show", "team/app"],
        ] {
            json(registry, words);
        }
        let list = registry.command(&["repo", "list"], "").ok();
        assert!(
            list.contains("team/app") && list.contains("other"),
            "{list}"
        );
        let show = registry.command(&["repo", "show", "team/app"], "").ok();
        assert!(show.contains("v1") && !show.contains("v2"), "{show}");
    });
    registry.finish();
}

#[test]
fn a_dry_run_says_what_would_go_and_removes_nothing() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "one");
    image.push(&client, "a/b", "v1");
    let by_digest = format!("a/b@{}", image.digest());

    with_and_without_a_server(&mut registry, |registry| {
        for target in ["a/b", "a/b:v1", &by_digest] {
            registry
                .command(&["repo", "remove", target, "--dry-run"], "")
                .ok();
            json(registry, &["repo", "remove", target, "--dry-run"]);
        }
    });
    assert_eq!(
        client.manifest("a/b", "v1").expect(200).body,
        image.manifest.bytes
    );
    registry.finish();
}

#[test]
fn a_tag_a_manifest_and_a_repository_are_removed_as_named() {
    let registry = Registry::open();
    let client = registry.plain();
    let (one, two) = (
        Image::new(Format::Oci, "one"),
        Image::new(Format::Oci, "two"),
    );
    for (image, tag) in [(&one, "v1"), (&one, "v1-again"), (&two, "v2")] {
        image.push(&client, "a/b", tag);
    }
    two.push(&client, "kept", "v2");

    registry.command(&["repo", "remove", "a/b:v1"], "").ok();
    assert_eq!(client.tags("a/b"), ["v1-again", "v2"]);
    client.manifest("a/b", one.digest().as_str()).expect(200);

    registry
        .command(&["repo", "remove", &format!("a/b@{}", one.digest())], "")
        .ok();
    assert_eq!(client.tags("a/b"), ["v2"]);
    client.manifest("a/b", one.digest().as_str()).expect(404);

    registry.command(&["repo", "remove", "a/b"], "").ok();
    client.get("/v2/a/b/tags/list").refused(404, "NAME_UNKNOWN");
    client
        .blob("a/b", &harness::Digest::of(&two.config))
        .expect(404);
    assert_eq!(client.catalog(), ["kept"]);
    assert_eq!(
        client.manifest("kept", "v2").expect(200).body,
        two.manifest.bytes
    );
    registry.finish().no_uploads();
}

#[test]
fn a_repository_is_removed_while_no_server_runs() {
    let mut registry = Registry::open();
    let client = registry.plain();
    Image::new(Format::Oci, "one").push(&client, "a/b", "v1");
    Image::new(Format::Oci, "two").push(&client, "kept", "v2");
    registry.stop();

    registry.command(&["repo", "remove", "a/b"], "").ok();

    registry.start_again();
    assert_eq!(client.catalog(), ["kept"]);
    client.manifest("a/b", "v1").expect(404);
    registry.finish();
}

#[test]
fn what_is_not_there_cannot_be_shown_or_removed() {
    let mut registry = Registry::open();
    Image::new(Format::Oci, "one").push(&registry.plain(), "a/b", "v1");

    with_and_without_a_server(&mut registry, |registry| {
        for words in [
            &["repo", "show", "no/such"][..],
            &["repo", "remove", "no/such"],
            &["repo", "remove", "a/b:v2"],
            &["repo", "remove", "no/such", "--dry-run"],
        ] {
            let story = registry.command(words, "").fails(1);
            assert!(story.starts_with("error: "), "{story}");
        }
        for malformed in ["A", "..", "a/b:", "a/b@sha256:x", "a/b:v1:v2", ""] {
            registry
                .command(&["repo", "remove", malformed], "")
                .fails(64);
        }
    });
    registry.finish();
}
