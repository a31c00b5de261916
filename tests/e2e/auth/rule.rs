//! Rules per repository, from the configuration file: each replaces the defaults where it holds.

use harness::{Client, Format, Image, Registry};
use rustix::process::Signal;

const RULES: &str = r#"
[[auth.rule]]
who = ["admin"]
repositories = ["**"]
may = ["pull", "push", "delete"]
[[auth.rule]]
who = ["ci"]
repositories = ["team/**"]
may = ["pull", "push", "delete"]
[[auth.rule]]
who = ["authenticated"]
repositories = ["shared/*"]
may = ["pull"]
[[auth.rule]]
who = ["anonymous"]
repositories = ["public/**"]
may = ["pull"]
"#;

/// A registry under [`RULES`] that holds tag `1` in every repository the tests speak of.
fn prepared() -> (Registry, Client, Client) {
    let registry = Registry::with().config(RULES).start();
    let admin = registry.admin();
    let image = Image::new(Format::Oci, "content");
    for name in [
        "team/a",
        "team/a/b",
        "team",
        "team-b",
        "shared/x",
        "shared/x/y",
        "public/p",
    ] {
        image.push(&admin, name, "1");
    }
    let ci = registry.user("ci", "a password");
    let other = registry.user("other", "a password");
    (registry, ci, other)
}

fn pull(client: &Client, repository: &str) -> u16 {
    client.manifest(repository, "1").status.as_u16()
}

fn push(client: &Client, repository: &str) -> u16 {
    let answer = client.post(format!("/v2/{repository}/blobs/uploads/"), "");
    if answer.status == 202 {
        client.delete(answer.location()).expect(204);
    }
    answer.status.as_u16()
}

#[test]
fn a_rule_holds_below_its_folder_and_nowhere_else() {
    let (registry, ci, other) = prepared();

    for inside in ["team/a", "team/a/b"] {
        assert_eq!(
            (pull(&ci, inside), push(&ci, inside)),
            (200, 202),
            "{inside}"
        );
        assert_eq!(
            (pull(&other, inside), push(&other, inside)),
            (403, 403),
            "{inside}"
        );
        assert_eq!(pull(&registry.client(), inside), 401, "{inside}");
    }
    // Only the rule for administrators speaks of these.
    for beside in ["team", "team-b"] {
        assert_eq!(
            (pull(&ci, beside), push(&ci, beside)),
            (403, 403),
            "{beside}"
        );
    }
    registry.finish().no_uploads();
}

#[test]
fn a_rule_speaks_of_everyone_who_logged_in_or_of_everyone() {
    let (registry, ci, other) = prepared();
    let stranger = registry.client();

    for user in [&ci, &other] {
        assert_eq!((pull(user, "shared/x"), push(user, "shared/x")), (200, 403));
        // `*` stays within one part of a name.
        assert_eq!(pull(user, "shared/x/y"), 403);
        assert_eq!((pull(user, "public/p"), push(user, "public/p")), (200, 403));
    }
    assert_eq!(
        (pull(&stranger, "shared/x"), push(&stranger, "shared/x")),
        (401, 401)
    );
    assert_eq!(
        (pull(&stranger, "public/p"), push(&stranger, "public/p")),
        (200, 401)
    );
    registry.finish().no_uploads();
}

#[test]
fn only_who_may_delete_deletes() {
    let (registry, ci, other) = prepared();

    other
        .delete("/v2/team/a/manifests/1")
        .refused(403, "DENIED");
    registry
        .client()
        .delete("/v2/team/a/manifests/1")
        .refused(401, "UNAUTHORIZED");
    ci.delete("/v2/shared/x/manifests/1").refused(403, "DENIED");
    ci.delete("/v2/team/a/manifests/1").expect(202);
    registry.finish();
}

#[test]
fn lists_show_what_their_reader_may_pull() {
    let (registry, ci, other) = prepared();

    assert_eq!(registry.client().catalog(), ["public/p"]);
    assert_eq!(other.catalog(), ["public/p", "shared/x"]);
    assert_eq!(ci.catalog(), ["public/p", "shared/x", "team/a", "team/a/b"]);
    let by_token = ci.clone().bearer(&ci.token(&["registry:catalog:*"]));
    assert_eq!(
        by_token.catalog(),
        ["public/p", "shared/x", "team/a", "team/a/b"]
    );
    assert_eq!(registry.admin().catalog().len(), 7);
    // Also page by page, with hidden ones between.
    let page = other.get("/v2/_catalog?n=1").expect(200);
    assert_eq!(page.json()["repositories"], serde_json::json!(["public/p"]));
    let last = other
        .get("/v2/_catalog?n=1&last=public/p")
        .expect(200)
        .lacks("link");
    assert_eq!(last.json()["repositories"], serde_json::json!(["shared/x"]));
    registry.finish();
}

#[test]
fn however_a_path_is_spelled_the_same_rule_holds() {
    let (registry, _, other) = prepared();

    for path in [
        "/v2/team/a/manifests/1",
        "/v2/team%2Fa/manifests/1",
        "/v2/t%65am/a/manifests/1",
        "/v2//team/a/manifests/1",
        "/v2/team//a/manifests/1",
        "/v2/./team/a/manifests/1",
        "/v2/public/../team/a/manifests/1",
        "/v2/public/%2e%2e/team/a/manifests/1",
        "//v2/team/a/manifests/1",
        "/v2/TEAM/a/manifests/1",
        "/v2/team/a/manifests/1/",
        "/v2/team/a/manifests%2F1",
    ] {
        let answer = other.get(path);
        assert!(
            matches!(answer.status.as_u16(), 400 | 403 | 404),
            "{answer}"
        );
    }
    for path in [
        "/v2/_catalog/",
        "//v2/_catalog",
        "/v2//_catalog",
        "/v2/%5fcatalog",
    ] {
        let answer = other.get(path);
        assert!(
            !answer.body.windows(6).any(|window| window == b"team/a"),
            "{answer}"
        );
    }
    registry.finish();
}

#[test]
fn a_token_is_narrowed_to_the_rules() {
    let (registry, ci, other) = prepared();
    let scopes = [
        "repository:team/a:pull,push,delete",
        "repository:shared/x:pull,push",
    ];

    let access = |client: &Client| super::token::access(&client.token(&scopes));
    let team = serde_json::json!(
        { "type": "repository", "name": "team/a", "actions": ["delete", "pull", "push"] });
    let shared = serde_json::json!(
        { "type": "repository", "name": "shared/x", "actions": ["pull"] });
    assert_eq!(access(&ci), serde_json::json!([shared, team]));
    assert_eq!(access(&other), serde_json::json!([shared]));
    registry.finish();
}

#[test]
fn new_rules_count_from_their_reload_on_also_for_old_tokens() {
    let (mut registry, ci, _) = prepared();
    let token = ci
        .clone()
        .bearer(&ci.token(&["repository:team/a:pull,push"]));
    assert_eq!(pull(&token, "team/a"), 200);

    registry.reconfigure(&RULES.replace("\"ci\"", "\"other\""));
    registry.signal(Signal::HUP);

    harness::eventually("the new rules hold", || pull(&ci, "team/a") == 403);
    assert_eq!((pull(&token, "team/a"), push(&token, "team/a")), (403, 403));
    registry.finish().no_uploads();
}

#[test]
fn rules_that_cannot_be_read_leave_the_old_ones_in_force() {
    let (mut registry, ci, other) = prepared();

    registry.reconfigure("[[auth.rule]]\nwho = [\"ci\"\n");
    let before = registry.log().len();
    registry.signal(Signal::HUP);

    harness::eventually("the broken file is complained about", || {
        registry.log().len() > before
    });
    assert_eq!((pull(&ci, "team/a"), pull(&other, "team/a")), (200, 403));
    registry.reconfigure(RULES);
    registry.finish();
}
