//! What each identity may do, by mode and by rule.

use super::*;
use crate::auth::config::RawConfig;

fn policy(text: &str) -> Policy {
    let raw: RawConfig = toml::from_str(text).unwrap();
    Policy::new(&Config::try_from(raw).unwrap())
}

/// `-` is nobody, `root` an administrator, `nodes` one who only pulls, anything else a user.
fn identity(name: &str) -> Identity {
    match name {
        "-" => Identity::Anonymous,
        name => Identity::User {
            name: name.parse().unwrap(),
            role: match name {
                "root" => Role::Admin,
                "nodes" => Role::Puller,
                _ => Role::User,
            },
        },
    }
}

/// What `name` may do to `repo`, as the letters of pull, push and delete: `rw-`.
fn rights(policy: &Policy, name: &str, repo: &str) -> String {
    let repo = repo.parse().unwrap();
    let letter = |action, letter| {
        if policy.allows(&identity(name), action, &repo) {
            letter
        } else {
            '-'
        }
    };
    [
        letter(Action::Pull, 'r'),
        letter(Action::Push, 'w'),
        letter(Action::Delete, 'd'),
    ]
    .into_iter()
    .collect()
}

#[track_caller]
fn check(policy: &Policy, repo: &str, expected: [(&str, &str); 4]) {
    for (name, letters) in expected {
        assert_eq!(rights(policy, name, repo), letters, "{name} on {repo}");
    }
}

#[test]
fn without_rules_users_push_and_administrators_delete() {
    let others = [("ann", "rw-"), ("ci", "rw-"), ("root", "rwd")];
    let all = |first| [("-", first), others[0], others[1], others[2]];
    check(&policy("anonymous = 'none'"), "a", all("---"));
    check(&policy(""), "a", all("r--"));
    let open = [("-", "rwd"), ("ann", "rwd"), ("ci", "rwd"), ("root", "rwd")];
    check(&policy("anonymous = 'push'"), "a", open);
}

const RULE: &str = "
    [[rule]]
    who = ['ci']
    repositories = ['team/**']
    may = ['pull', 'push', 'delete']
";

#[test]
fn a_rule_replaces_the_defaults_for_its_repositories_alone() {
    let policy = policy(RULE);
    check(
        &policy,
        "team/a",
        [("-", "---"), ("ann", "---"), ("ci", "rwd"), ("root", "---")],
    );
    for repo in ["team", "team-b", "team-b/a", "a"] {
        check(
            &policy,
            repo,
            [("-", "r--"), ("ann", "rw-"), ("ci", "rw-"), ("root", "rwd")],
        );
    }
}

#[test]
fn rules_for_one_repository_add_up() {
    let text = format!(
        "{RULE}
        [[rule]]
        who = ['authenticated']
        repositories = ['team/**']
        may = ['pull']
        [[rule]]
        who = ['anonymous']
        repositories = ['team/public']
        may = ['pull']"
    );
    let policy = policy(&text);
    check(
        &policy,
        "team/a",
        [("-", "---"), ("ann", "r--"), ("ci", "rwd"), ("root", "r--")],
    );
    check(
        &policy,
        "team/public",
        [("-", "r--"), ("ann", "r--"), ("ci", "rwd"), ("root", "r--")],
    );
}

#[test]
fn no_rule_opens_a_closed_registry_to_strangers() {
    let text =
        "anonymous = 'none'\n[[rule]]\nwho = ['anonymous']\nrepositories = ['**']\nmay = ['pull']";
    check(
        &policy(text),
        "a",
        [("-", "---"), ("ann", "r--"), ("ci", "r--"), ("root", "r--")],
    );
}

#[test]
fn who_only_pulls_does_no_more_by_any_rule() {
    let rule = |who: &str| {
        let may = "['pull', 'push', 'delete']";
        format!("[[rule]]\nwho = ['{who}']\nrepositories = ['team/**']\nmay = {may}\n")
    };
    for text in [
        String::new(),
        rule("nodes"),
        rule("authenticated"),
        rule("anonymous"),
    ] {
        assert_eq!(rights(&policy(&text), "nodes", "team/a"), "r--", "{text}");
    }
    assert_eq!(rights(&policy(&rule("ci")), "nodes", "team/a"), "---");
}

#[track_caller]
fn denied<R: Right>(policy: &Policy, caller: &Caller, repo: &str, expected: Option<Denied>) {
    let outcome = policy.grant::<R>(caller, &repo.parse().unwrap());
    assert_eq!(outcome.err(), expected, "{repo}");
}

#[test]
fn a_refusal_says_what_could_help() {
    let policy = policy("anonymous = 'none'");
    denied::<Pull>(
        &policy,
        &Caller::direct(identity("-")),
        "a",
        Some(Denied::Login),
    );
    denied::<Delete>(
        &policy,
        &Caller::direct(identity("ann")),
        "a",
        Some(Denied::Forbidden),
    );
    let reach = Reach::parse(["repository:a:pull"]);
    let token = Caller::with_token(identity("ann"), reach.into());
    denied::<Pull>(&policy, &token, "a", None);
    denied::<Push>(&policy, &token, "a", Some(Denied::Scope));
    denied::<Pull>(&policy, &token, "a-b", Some(Denied::Scope));
    denied::<Pull>(&policy, &token, "a/b", Some(Denied::Scope));
    denied::<Delete>(&policy, &token, "a", Some(Denied::Forbidden));
}

#[test]
fn a_token_never_widens_what_its_identity_may() {
    let reach = Reach::parse(["repository:a:pull,push,delete registry:catalog:*"]);
    let policy = policy("");
    denied::<Delete>(
        &policy,
        &Caller::with_token(identity("ann"), reach.clone().into()),
        "a",
        Some(Denied::Forbidden),
    );
    denied::<Push>(
        &policy,
        &Caller::with_token(identity("-"), reach.clone().into()),
        "a",
        Some(Denied::Login),
    );
    assert_eq!(
        policy.narrow(&identity("-"), reach).to_string(),
        "repository:a:pull registry:catalog:*"
    );
}

#[test]
fn a_grant_names_its_repository_and_its_holder() {
    let grant = policy("").grant::<Push>(&Caller::direct(identity("ci")), &"a/b".parse().unwrap());
    let grant = grant.unwrap();
    assert_eq!(grant.repo().as_str(), "a/b");
    assert_eq!(grant.principal(), Principal::new("user:ci"));
}

#[test]
fn the_catalog_needs_its_own_scope_and_shows_what_may_be_pulled() {
    let open = Arc::new(policy(RULE));
    let ann = identity("ann");
    let listing = Arc::clone(&open)
        .listing(&Caller::direct(ann.clone()))
        .unwrap();
    assert!(listing.shows(&"a".parse().unwrap()));
    assert!(!listing.shows(&"team/a".parse().unwrap()));
    let narrow = Caller::with_token(ann.clone(), Reach::parse(["repository:a:pull"]).into());
    assert_eq!(
        Arc::clone(&open).listing(&narrow).unwrap_err(),
        Denied::Scope
    );
    let catalog = Caller::with_token(ann, Reach::parse(["registry:catalog:*"]).into());
    assert!(open.listing(&catalog).unwrap().shows(&"a".parse().unwrap()));
    let closed = Arc::new(policy("anonymous = 'none'"));
    let stranger = Caller::direct(Identity::Anonymous);
    assert_eq!(closed.listing(&stranger).unwrap_err(), Denied::Login);
}

// Only a ping that is refused makes podman and docker log in.
#[test]
fn the_ping_asks_for_a_login_unless_everything_is_open() {
    let stranger = Caller::direct(Identity::Anonymous);
    assert_eq!(
        policy("anonymous = 'none'").ping(&stranger),
        Err(Denied::Login)
    );
    assert_eq!(policy("").ping(&stranger), Err(Denied::Login));
    assert_eq!(policy("anonymous = 'push'").ping(&stranger), Ok(()));
    let empty_token = Caller::with_token(Identity::Anonymous, Reach::default().into());
    assert_eq!(policy("").ping(&empty_token), Ok(()));
    assert_eq!(policy("").ping(&Caller::direct(identity("ann"))), Ok(()));
}
