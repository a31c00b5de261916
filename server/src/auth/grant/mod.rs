//! Who may do what: identities, the policy, and grants.
//!
//! Owns the only constructor of [`Grant`]: an operation that takes one cannot be reached without
//! asking here first. Pure: it knows no headers, no files and no clock. Invariant: a token narrows
//! what its identity may do now and never widens it.

mod concerned;

use std::marker::PhantomData;
use std::sync::Arc;

use roadstead_storage::Principal;
use roadstead_storage::oci::RepoName;

use self::concerned::Concerned;
use crate::auth::config::{Action, Anonymous, Config, Who};
use crate::auth::name::UserName;
use crate::auth::role::Role;
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
        /// What its account is for.
        role: Role,
    },
}

impl Identity {
    fn principal(&self) -> Principal {
        match self {
            Self::Anonymous => Principal::new("anonymous"),
            Self::User { name, .. } => Principal::new(format!("user:{name}")),
        }
    }
}

/// Who makes a request, and how far the token it came with reaches.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    identity: Identity,
    reach: Option<Arc<Reach>>,
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
    pub(crate) fn with_token(identity: Identity, reach: Arc<Reach>) -> Self {
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
        let Identity::User { role, .. } = self.identity else {
            return false;
        };
        role == Role::Admin
    }

    /// Whether nobody is known to be behind it.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.identity == Identity::Anonymous
    }

    /// What the store and the log call it.
    pub(crate) fn principal(&self) -> Principal {
        self.identity.principal()
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
    identity: Identity,
    right: PhantomData<R>,
}

impl<R> Grant<R> {
    /// The repository it is for.
    pub(crate) fn repo(&self) -> &RepoName {
        &self.repo
    }

    /// Whether it was given to nobody in particular.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.identity == Identity::Anonymous
    }

    /// Whose it is. Written out here, for who only reads is never asked.
    pub(crate) fn principal(&self) -> Principal {
        self.identity.principal()
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
/// repository to be private writes one rule and need not think of the mode. An account that is for
/// pulling has no other right by any rule.
#[derive(Debug)]
pub(crate) struct Policy {
    anonymous: Anonymous,
    rules: Concerned,
}

impl Policy {
    /// The policy that the configuration states.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            anonymous: config.anonymous,
            rules: Concerned::new(config.rules.clone()),
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
            identity: caller.identity.clone(),
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
    /// and docker never send credentials to a registry that greets them without asking.
    ///
    /// # Errors
    /// [`Denied::Login`] when the caller must come back with a token or a password.
    pub(crate) fn ping(&self, caller: &Caller) -> Result<(), Denied> {
        let is_welcome = match self.anonymous {
            Anonymous::Push => true,
            // A stranger's token says that the login dance was danced.
            Anonymous::Pull => !caller.is_anonymous() || caller.has_token(),
            Anonymous::None => !caller.is_anonymous(),
        };
        if is_welcome {
            Ok(())
        } else {
            Err(Denied::Login)
        }
    }

    /// Whether anything may be open to who did not log in.
    fn welcomes_strangers(&self) -> bool {
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
        if let (Identity::User { role, .. }, Action::Push | Action::Delete) = (identity, action)
            && *role == Role::Puller
        {
            return false;
        }
        let by_rule = self.rules.any(repo, |rule| {
            rule.may.contains(&action) && rule.who.iter().any(|who| who.is(identity))
        });
        if let Some(allowed) = by_rule {
            return allowed;
        }
        match (identity, action) {
            (Identity::Anonymous, Action::Pull) => self.anonymous == Anonymous::Pull,
            (Identity::Anonymous, Action::Push | Action::Delete) => false,
            (Identity::User { .. }, Action::Pull | Action::Push) => true,
            (Identity::User { role, .. }, Action::Delete) => *role == Role::Admin,
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
mod tests;
