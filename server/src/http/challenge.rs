//! What a client is told to do when it may not: the `WWW-Authenticate` header (RFC 7235, and the
//! Docker token specification for Bearer).
//!
//! Pure. Knows the rights a request needs, not whether anybody has them. One scheme per header
//! line; no parameter is ever empty, for old docker stops reading at one.

use std::fmt::{self, Display, Formatter};

use http::HeaderValue;
use roadstead_storage::oci::RepoName;
use serde_json::{Value, json};

use crate::http::header::value;

/// A right a request needs, as token scopes are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To list all repositories.
    Catalog,
    /// To do something in one repository.
    Repository {
        /// The repository.
        repo: RepoName,
        /// What clients ask a token for, such as `pull` and `push` together.
        actions: &'static [&'static str],
    },
}

/// What may be asked for by a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A user and a password, where clients know nothing of tokens.
    Basic,
    /// A token of the token service.
    Bearer {
        /// For these rights; none is just a login.
        scopes: Vec<Scope>,
        /// What was wrong with the token that came, if one did.
        problem: Option<Problem>,
    },
}

/// What is wrong with a token (RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is good, but not for this.
    InsufficientScope,
    /// Expired, forged, or its user is gone.
    InvalidToken,
}

impl Scope {
    /// What reading asks for.
    pub(crate) fn pull(repo: &RepoName) -> Self {
        Self::Repository {
            repo: repo.clone(),
            actions: &["pull"],
        }
    }

    /// What writing asks for.
    pub(crate) fn push(repo: &RepoName) -> Self {
        Self::Repository {
            repo: repo.clone(),
            actions: &["pull", "push"],
        }
    }

    /// What removing asks for.
    pub(crate) fn delete(repo: &RepoName) -> Self {
        Self::Repository {
            repo: repo.clone(),
            actions: &["delete"],
        }
    }

    /// As the `detail` of an error lists it: one entry per action.
    pub(crate) fn detail(&self) -> Vec<Value> {
        let entry = |kind: &str, name: &str, action: &str| json!({ "Type": kind, "Class": "", "Name": name, "Action": action });
        match self {
            Self::Catalog => vec![entry("registry", "catalog", "*")],
            Self::Repository { repo, actions } => actions
                .iter()
                .map(|action| entry("repository", repo.as_str(), action))
                .collect(),
        }
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog => f.write_str("registry:catalog:*"),
            Self::Repository { repo, actions } => {
                write!(f, "repository:{repo}:{}", actions.join(","))
            }
        }
    }
}

impl Challenge {
    /// The value of `WWW-Authenticate`. `realm` is the URL of the token service as the client
    /// reaches it, `service` what that knows us by.
    pub(crate) fn header(&self, realm: &str, service: &str) -> HeaderValue {
        let Self::Bearer { scopes, problem } = self else {
            return HeaderValue::from_static("Basic realm=\"roadstead\", charset=\"UTF-8\"");
        };
        let mut text = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
        if !scopes.is_empty() {
            let scopes: Vec<_> = scopes.iter().map(Scope::to_string).collect();
            text.extend([",scope=\"", &scopes.join(" "), "\""]);
        }
        match problem {
            Some(Problem::InsufficientScope) => text += ",error=\"insufficient_scope\"",
            Some(Problem::InvalidToken) => text += ",error=\"invalid_token\"",
            None => {}
        }
        value(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn writes(scopes: Vec<Scope>, problem: Option<Problem>, rest: &str) {
        let header = Challenge::Bearer { scopes, problem }.header("https://reg:8443/token", "reg");
        let expected = format!("Bearer realm=\"https://reg:8443/token\",service=\"reg\"{rest}");
        assert_eq!(header, expected);
    }

    #[test]
    fn a_challenge_names_the_token_service_and_the_rights() {
        let repo = "a/b".parse().expect("a name");
        let other = "c".parse().expect("a name");
        writes(vec![], None, "");
        writes(
            vec![Scope::pull(&repo)],
            None,
            ",scope=\"repository:a/b:pull\"",
        );
        writes(vec![Scope::Catalog], None, ",scope=\"registry:catalog:*\"");
        writes(
            vec![Scope::push(&repo), Scope::pull(&other)],
            Some(Problem::InsufficientScope),
            ",scope=\"repository:a/b:pull,push repository:c:pull\",error=\"insufficient_scope\"",
        );
        writes(
            vec![Scope::delete(&repo)],
            Some(Problem::InvalidToken),
            ",scope=\"repository:a/b:delete\",error=\"invalid_token\"",
        );
    }
}
