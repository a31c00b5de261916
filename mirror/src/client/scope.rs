//! What a login is for: reading one repository, or the list of all.
//!
//! Invariant: never more is asked for than reading.

use crate::upstream::Location;

/// What a login is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// The list of all repositories.
    Catalog,
    /// One repository, as image references name it.
    Repository(String),
}

impl Scope {
    /// The name under which the registry has the repository; empty where there is none.
    pub(super) fn repository(&self, location: &Location) -> String {
        match self {
            Self::Catalog => String::new(),
            Self::Repository(name) => location.repository(name),
        }
    }

    /// The text to ask a token for. A registry behind another name tells its own name of the repository
    /// in the scope that it wants.
    pub(super) fn wanted(&self, wanted: Option<&str>, location: &Location) -> String {
        match self {
            Self::Catalog => "registry:catalog:*".to_owned(),
            Self::Repository(name) => {
                let own = location.repository(name);
                let told = wanted.and_then(|scope| told_name(scope)).unwrap_or(&own);
                format!("repository:{told}:pull")
            }
        }
    }
}

fn told_name(scope: &str) -> Option<&str> {
    let (name, _) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    (!name.is_empty() && !name.contains(' ')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: Option<&str>, expected: &str) {
        let location = "https://harbor.example.com/proxy".parse().unwrap();
        let scope = Scope::Repository("a/b".to_owned());
        assert_eq!(scope.wanted(wanted, &location), expected);
    }

    #[test]
    fn only_reading_is_asked_for() {
        check(None, "repository:proxy/a/b:pull");
        check(
            Some("repository:proxy/a/b:pull,push,delete"),
            "repository:proxy/a/b:pull",
        );
    }

    #[test]
    fn the_registry_knows_best_what_it_calls_the_repository() {
        check(
            Some("repository:library/b:pull"),
            "repository:library/b:pull",
        );
        check(
            Some("repository:host:5000/b:pull"),
            "repository:host:5000/b:pull",
        );
    }

    #[test]
    fn a_scope_that_names_no_repository_is_not_repeated() {
        for wanted in [
            "registry:catalog:*",
            "repository::pull",
            "repository:a:pull repository:b:pull",
            "",
        ] {
            check(Some(wanted), "repository:proxy/a/b:pull");
        }
    }
}
