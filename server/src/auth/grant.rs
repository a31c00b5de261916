//! Who may do what: identities, the policy, and grants.
//!
//! Owns the only constructor of [`Grant`]: an operation that takes one cannot be reached without
//! asking here first. Pure: it knows no headers, no files and no clock. Invariant: a token narrows
//! what its identity may do now and never widens it.

use std::marker::PhantomData;
use std::sync::Arc;

use roadstead_storage::Principal;
use roadstead_storage::oci::RepoName;

use crate::auth::config::{Action, Anonymous, Config, Rule, Who};
use crate::auth::name::UserName;
use crate::auth::scope::Reach;

/// Who somebody turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// The holder of an account.
    User {
        /// Its name.
        name: UserName,
        /// Whether it administers the registry.
        is_admin: bool,
    },
}

/// Who makes a request, and how far the token it came with reaches.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    identity: Identity,
    reach: Option<Reach>,
}

impl Caller {
    /// Somebody without a token: all that the identity may do.
    pub(crate) fn direct(identity: Identity) -> Self {
        Self {
            identity,
            reach: None,
        }
    }

    /// Somebody with a token: no more than the token says.
    pub(crate) fn with_token(identity: Identity, reach: Reach) -> Self {
        Self {
            identity,
            reach: Some(reach),
        }
    }

    /// Whether it came with a token, as opposed to a password or nothing.
    pub(crate) fn has_token(&self) -> bool {
        self.reach.is_some()
    }

    /// Whether the identity administers the registry, however it proved itself.
    pub(crate) fn is_admin(&self) -> bool {
        matches!(self.identity, Identity::User { is_admin: true, .. })
    }

    /// Whether nobody is known to be behind it.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.identity == Identity::Anonymous
    }

    /// What the store and the log call it.
    pub(crate) fn principal(&self) -> Principal {
        match &self.identity {
            Identity::Anonymous => Principal::new("anonymous"),
            Identity::User { name, .. } => Principal::new(format!("user:{name}")),
        }
    }
}

/// The right to read a repository.
#[derive(Debug)]
pub(crate) struct Pull;
/// The right to add to a repository and to move its tags.
#[derive(Debug)]
pub(crate) struct Push;
/// The right to remove from a repository.
#[derive(Debug)]
pub(crate) struct Delete;

/// A right, as a type.
pub(crate) trait Right {
    /// The same as a value.
    const ACTION: Action;
}

impl Right for Pull {
    const ACTION: Action = Action::Pull;
}

impl Right for Push {
    const ACTION: Action = Action::Push;
}

impl Right for Delete {
    const ACTION: Action = Action::Delete;
}

/// Proof that somebody may do `R` to a repository. Only [`Policy::grant`] makes one.
#[derive(Debug)]
pub(crate) struct Grant<R> {
    repo: RepoName,
    principal: Principal,
    right: PhantomData<R>,
}

impl<R> Grant<R> {
    /// The repository it is for.
    pub(crate) fn repo(&self) -> &RepoName {
        &self.repo
    }

    /// Whose it is.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// Proof that somebody may list repositories: those that they may pull.
#[derive(Debug)]
pub(crate) struct Listing {
    policy: Arc<Policy>,
    identity: Identity,
}

impl Listing {
    /// Whether this repository is in the list. The identity decides: the token was asked for the
    /// catalog as a whole and names no repository.
    pub(crate) fn shows(&self, repo: &RepoName) -> bool {
        self.policy.allows(&self.identity, Action::Pull, repo)
    }
}

/// Why there is no grant, and so what could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nothing: this identity may not.
    Forbidden,
    /// A login.
    Login,
    /// A token that reaches further: the identity may.
    Scope,
}

/// What each identity may do to each repository.
///
/// With `anonymous = "push"` everything. Otherwise the rules that name the repository count, all of
/// them together; where none does, everyone pulls (with `anonymous = "pull"`), users pull and push,
/// administrators also delete. A rule replaces all of that for its repositories: whoever wants a
/// repository to be private writes one rule and need not think of the mode.
#[derive(Debug)]
pub(crate) struct Policy {
    anonymous: Anonymous,
    rules: Vec<Rule>,
}

impl Policy {
    /// The policy that the configuration states.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            anonymous: config.anonymous,
            rules: config.rules.clone(),
        }
    }

    /// Asks for the right `R` on a repository.
    ///
    /// # Errors
    /// Says what could help the caller to it.
    pub(crate) fn grant<R: Right>(
        &self,
        caller: &Caller,
        repo: &RepoName,
    ) -> Result<Grant<R>, Denied> {
        if !self.allows(&caller.identity, R::ACTION, repo) {
            let is_anonymous = caller.is_anonymous();
            return Err(if is_anonymous {
                Denied::Login
            } else {
                Denied::Forbidden
            });
        }
        if caller
            .reach
            .as_ref()
            .is_some_and(|reach| !reach.covers(R::ACTION, repo))
        {
            return Err(Denied::Scope);
        }
        Ok(Grant {
            repo: repo.clone(),
            principal: caller.principal(),
            right: PhantomData,
        })
    }

    /// Asks for the catalog.
    ///
    /// # Errors
    /// Says what could help the caller to it.
    pub(crate) fn listing(self: Arc<Self>, caller: &Caller) -> Result<Listing, Denied> {
        if !self.allows_catalog(&caller.identity) {
            return Err(Denied::Login);
        }
        if caller.reach.as_ref().is_some_and(|reach| !reach.catalog) {
            return Err(Denied::Scope);
        }
        Ok(Listing {
            policy: self,
            identity: caller.identity.clone(),
        })
    }

    /// Whether the ping of the API is answered with 200. Anything else makes clients log in: podman
    /// and docker never send credentials to a registry that greets them without asking
    /// (oci-protocol.md, 2.4).
    ///
    /// # Errors
    /// [`Denied::Login`] when the caller must come back with a token or a password.
    pub(crate) fn ping(&self, caller: &Caller) -> Result<(), Denied> {
        let is_known = !caller.is_anonymous() || caller.has_token();
        if is_known || self.anonymous == Anonymous::Push {
            Ok(())
        } else {
            Err(Denied::Login)
        }
    }

    /// Whether somebody who did not log in gets a token at all.
    pub(crate) fn welcomes_strangers(&self) -> bool {
        self.anonymous != Anonymous::None
    }

    /// The part of what was asked for that this identity may have.
    pub(crate) fn narrow(&self, identity: &Identity, asked: Reach) -> Reach {
        let mut reach = asked;
        reach.catalog &= self.allows_catalog(identity);
        reach.repositories.retain(|repo, actions| {
            actions.retain(|action| self.allows(identity, *action, repo));
            !actions.is_empty()
        });
        reach
    }

    fn allows_catalog(&self, identity: &Identity) -> bool {
        self.welcomes_strangers() || *identity != Identity::Anonymous
    }

    fn allows(&self, identity: &Identity, action: Action, repo: &RepoName) -> bool {
        match self.anonymous {
            Anonymous::Push => return true,
            Anonymous::None if *identity == Identity::Anonymous => return false,
            Anonymous::None | Anonymous::Pull => {}
        }
        let concerns = |rule: &&Rule| {
            rule.repositories
                .iter()
                .any(|pattern| pattern.matches(repo))
        };
        let mut rules = self.rules.iter().filter(concerns).peekable();
        if rules.peek().is_some() {
            return rules.any(|rule| {
                rule.may.contains(&action) && rule.who.iter().any(|who| who.is(identity))
            });
        }
        match (identity, action) {
            (Identity::Anonymous, Action::Pull) => self.anonymous == Anonymous::Pull,
            (Identity::Anonymous, Action::Push | Action::Delete) => false,
            (Identity::User { .. }, Action::Pull | Action::Push) => true,
            (Identity::User { is_admin, .. }, Action::Delete) => *is_admin,
        }
    }
}

impl Who {
    fn is(&self, identity: &Identity) -> bool {
        match (self, identity) {
            (Self::Anonymous, _) | (Self::Authenticated, Identity::User { .. }) => true,
            (Self::User(who), Identity::User { name, .. }) => who == name,
            (Self::Authenticated | Self::User(_), Identity::Anonymous) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::config::RawConfig;

    fn policy(text: &str) -> Policy {
        let raw: RawConfig = toml::from_str(text).unwrap();
        Policy::new(&Config::try_from(raw).unwrap())
    }

    /// `-` is nobody, `root` an administrator, anything else a user.
    fn identity(name: &str) -> Identity {
        match name {
            "-" => Identity::Anonymous,
            name => Identity::User {
                name: name.parse().unwrap(),
                is_admin: name == "root",
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
        let text = "anonymous = 'none'\n[[rule]]\nwho = ['anonymous']\nrepositories = ['**']\nmay = ['pull']";
        check(
            &policy(text),
            "a",
            [("-", "---"), ("ann", "r--"), ("ci", "r--"), ("root", "r--")],
        );
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
        let token = Caller::with_token(identity("ann"), reach);
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
            &Caller::with_token(identity("ann"), reach.clone()),
            "a",
            Some(Denied::Forbidden),
        );
        denied::<Push>(
            &policy,
            &Caller::with_token(identity("-"), reach.clone()),
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
        let grant =
            policy("").grant::<Push>(&Caller::direct(identity("ci")), &"a/b".parse().unwrap());
        let grant = grant.unwrap();
        assert_eq!(grant.repo().as_str(), "a/b");
        assert_eq!(*grant.principal(), Principal::new("user:ci"));
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
        let narrow = Caller::with_token(ann.clone(), Reach::parse(["repository:a:pull"]));
        assert_eq!(
            Arc::clone(&open).listing(&narrow).unwrap_err(),
            Denied::Scope
        );
        let catalog = Caller::with_token(ann, Reach::parse(["registry:catalog:*"]));
        assert!(open.listing(&catalog).unwrap().shows(&"a".parse().unwrap()));
        let closed = Arc::new(policy("anonymous = 'none'"));
        let stranger = Caller::direct(Identity::Anonymous);
        assert_eq!(closed.listing(&stranger).unwrap_err(), Denied::Login);
    }

    // oci-protocol.md, 2.4: only a ping that is refused makes podman and docker log in.
    #[test]
    fn the_ping_asks_for_a_login_unless_everything_is_open() {
        let stranger = Caller::direct(Identity::Anonymous);
        assert_eq!(
            policy("anonymous = 'none'").ping(&stranger),
            Err(Denied::Login)
        );
        assert_eq!(policy("").ping(&stranger), Err(Denied::Login));
        assert_eq!(policy("anonymous = 'push'").ping(&stranger), Ok(()));
        let empty_token = Caller::with_token(Identity::Anonymous, Reach::default());
        assert_eq!(policy("").ping(&empty_token), Ok(()));
        assert_eq!(policy("").ping(&Caller::direct(identity("ann"))), Ok(()));
    }
}
