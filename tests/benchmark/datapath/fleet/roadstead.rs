//! Roadstead, as an administrator would run it: with a login and rules, open to those who pull, and before
//! an upstream.

use std::fmt::Write as _;

use harness::{Anonymous, Registry};

/// Who pushes and pulls where a login is wanted.
pub(super) const USER: &str = "bench";
pub(super) const PASSWORD: &str = "of a benchmark";

/// How many rules there are, and which of them are about what is asked for.
const RULES: usize = 20;
const EVERY: usize = 5;

/// A disk may be fuller than a registry would have it.
const STORAGE: &str = "[storage]\nkeep_free = \"0%\"\n";

/// Everyone pulls; there are no rules.
pub(super) fn open() -> Registry {
    let setup = Registry::with().config(STORAGE);
    setup.anonymous(Anonymous::Pull).start()
}

/// Nobody does anything without a login, and twenty rules say who may do what. Four are about what is
/// asked for, and of these the last one allows it.
pub(super) fn guarded() -> Registry {
    let mut config = format!("{STORAGE}[auth]\ntoken_lifetime = \"1h\"\n");
    for number in 1..=RULES {
        let (who, repositories) = if number == RULES {
            (USER.to_owned(), "\"bench/**\"".to_owned())
        } else if number % EVERY == 0 {
            (format!("team-{number}"), "\"bench/*\"".to_owned())
        } else {
            let both = format!("\"team-{number}/**\", \"*/shared-{number}\"");
            (format!("team-{number}"), both)
        };
        let _ = write!(
            config,
            "[[auth.rule]]\nwho = [\"{who}\"]\nrepositories = [{repositories}]\n\
             may = [\"pull\", \"push\"]\n"
        );
    }
    let setup = Registry::with().config(config);
    setup.anonymous(Anonymous::None).start()
}

/// Everyone pulls, also what only the upstream at this URL has, which is called so.
pub(crate) fn before(name: &str, url: &str) -> Registry {
    let config = format!(
        "{STORAGE}[[upstream]]\nname = \"{name}\"\nurls = [\"{url}\"]\npull_through = true\n"
    );
    let setup = Registry::with().config(config);
    setup.anonymous(Anonymous::Pull).start()
}
