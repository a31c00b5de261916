//! Roadstead, as an administrator would run it: with a login and rules, and open to those who pull.

use std::fmt::Write as _;

use harness::{Anonymous, Registry};

/// Who pushes and pulls where a login is wanted.
pub(crate) const USER: &str = "bench";
pub(crate) const PASSWORD: &str = "of a benchmark";

/// How many rules there are.
const RULES: usize = 20;

/// Everyone pulls; there are no rules.
pub(super) fn open() -> Registry {
    Registry::with().anonymous(Anonymous::Pull).start()
}

/// Nobody does anything without a login, and twenty rules say who may do what. The last one is about what
/// is asked for.
pub(super) fn guarded() -> Registry {
    let mut config = String::from("[auth]\ntoken_lifetime = \"1h\"\n");
    for number in 1..RULES {
        let _ = write!(
            config,
            "[[auth.rule]]\nwho = [\"team-{number}\"]\nrepositories = [\"team-{number}/**\", \
             \"*/shared-{number}\"]\nmay = [\"pull\", \"push\"]\n"
        );
    }
    let _ = write!(
        config,
        "[[auth.rule]]\nwho = [\"{USER}\"]\nrepositories = [\"bench/**\"]\nmay = [\"pull\", \"push\"]\n"
    );
    Registry::with()
        .anonymous(Anonymous::None)
        .config(config)
        .start()
}
