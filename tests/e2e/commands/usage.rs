//! How the binary speaks: exit codes, errors, JSON, and who may give it orders.

use std::process::Command;

use harness::{Outcome, Registry, Scratch, binary};
use serde_json::Value;

fn run(words: &[&str]) -> Outcome {
    Outcome::of(Command::new(binary()).args(words), "")
}

#[test]
fn wrong_usage_ends_with_64() {
    for words in [
        &["fly"][..],
        &["serve", "--fly"],
        &["serve", "--anonymous", "maybe"],
        &["serve", "--listen", "nowhere"],
        &["user"],
        &["user", "add"],
        &["ca", "export", "--format", "xml"],
        &["repo", "show"],
        &[],
    ] {
        let outcome = run(words);
        assert_eq!(outcome.stdout, "", "{outcome}");
        outcome.fails(64);
    }
}

#[test]
fn wrong_configuration_ends_with_78_and_names_the_key() {
    let dir = Scratch::new();
    for (text, key) in [
        ("fly = true", "fly"),
        ("[auth]\nanonymous = \"maybe\"", "auth.anonymous"),
        ("[auth]\ntoken_lifetime = \"soon\"", "auth.token_lifetime"),
        (
            "[[auth.rule]]\nwho = [\"ci\"]\nrepositories = [\"a[\"]\nmay = [\"pull\"]",
            "repositories",
        ),
        (
            "[storage]\nimmutable_tags = [\"no-colon\"]",
            "immutable_tags",
        ),
        ("listen = [", "config.toml"),
    ] {
        let config = dir.file("config.toml", text);
        let config = config.to_str().expect("an ASCII path");
        for words in [&["config", "check"][..], &["serve"]] {
            let data = dir.join("data");
            let mut command = Command::new(binary());
            command
                .args(words)
                .args(["--config", config])
                .arg("--data")
                .arg(&data);
            let story = Outcome::of(&mut command, "").fails(78);
            assert!(
                story.starts_with("error: ") && story.contains(key),
                "{key}: {story}"
            );
        }
    }
    assert!(
        !dir.join("data").exists(),
        "a wrong configuration makes no store"
    );
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    let dir = Scratch::new();
    let missing = dir.join("missing.toml");

    let story = run(&["config", "check", "--config", missing.to_str().unwrap()]).failed();

    assert!(story.contains("missing.toml"), "{story}");
}

#[test]
fn help_shows_every_command_with_an_example_and_fails_nothing() {
    let help = run(&["--help"]).ok();

    let places: Vec<_> = ["serve", "user", "ca", "repo", "store", "config"]
        .map(|name| {
            help.find(&format!("\n  {name} "))
                .unwrap_or_else(|| panic!("{name}: {help}"))
        })
        .into();
    assert!(
        places.is_sorted(),
        "in the order a newcomer needs them: {help}"
    );
    assert!(help.contains("roadstead serve"), "{help}");
    assert!(run(&["--version"]).ok().starts_with("roadstead "));
}

#[test]
fn every_report_is_one_json_document_when_asked_for() {
    let registry = Registry::with()
        .flags(["--name", "registry.example.com"])
        .start();

    for words in [
        &["user", "list"][..],
        &["ca", "show"],
        &["ca", "renew"],
        &["repo", "list"],
        &["store", "stat"],
        &["store", "gc"],
        &["store", "gc", "--dry-run"],
        &["store", "scrub"],
        &["store", "reindex"],
        &["config", "show"],
        &["config", "check"],
    ] {
        let mut all = words.to_vec();
        all.push("--json");
        let text = registry.command(&all, "").ok();
        let document = serde_json::from_str::<Value>(&text);
        document.unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"));
    }
    registry.finish();
}

#[test]
fn the_configuration_is_shown_as_the_server_understands_it() {
    let config = "[auth]\ntoken_lifetime = \"2m\"\n[storage]\ndelete = false\n";
    let registry = Registry::with()
        .config(config)
        .flags(["--anonymous", "none"])
        .start();

    let shown = registry.command(&["config", "show", "--json"], "").ok();

    let shown: Value = serde_json::from_str(&shown).expect("one JSON document");
    let text = shown.to_string();
    assert!(
        text.contains("\"anonymous\":\"none\""),
        "a flag wins over the file: {text}"
    );
    assert!(text.contains("\"delete\":false"), "{text}");
    assert!(text.contains("2m"), "{text}");
    registry.finish();
}

/// What the server runs with counts; a command that means something else must not pretend.
#[test]
fn a_command_with_another_configuration_than_the_servers_is_refused() {
    let registry = Registry::with()
        .config("[auth]\nanonymous = \"none\"\n")
        .start();
    let other = registry
        .scratch()
        .file("other.toml", "[auth]\nanonymous = \"push\"\n");
    let same = registry.scratch().join("config.toml");

    let with = |path: &std::path::Path| {
        let path = path.to_str().expect("an ASCII path");
        registry.command(&["repo", "list", "--config", path], "")
    };
    let story = with(&other).failed();
    assert!(
        story.contains("other.toml") || story.contains("config"),
        "{story}"
    );
    with(&same).ok();
    registry.finish();
}
