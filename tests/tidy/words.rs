//! What each file must say, and words that have one home.

use crate::source::{HOUSE, Source, house, sources};

/// Insists that a word stands only in files that begin with one of these paths.
#[track_caller]
fn check_that_only(homes: &[&str], word: &str) {
    let at_home = |source: &Source| homes.iter().any(|home| source.path.starts_with(home));
    let strays: Vec<_> = house()
        .into_iter()
        .filter(|source| !source.is_test() && !at_home(source) && source.code().contains(word))
        .map(|source| source.path)
        .collect();
    assert!(
        strays.is_empty(),
        "`{word}` belongs to {homes:?}, not to {strays:?}"
    );
}

#[test]
fn every_file_says_first_what_it_is() {
    for folder in HOUSE.into_iter().chain(["tests"]) {
        for source in sources(folder) {
            assert!(
                source.text.starts_with("//! "),
                "{} begins without `//!`",
                source.path
            );
        }
    }
}

#[test]
fn the_index_engine_is_known_to_one_file() {
    check_that_only(&["storage/src/index.rs"], "sled::");
}

#[test]
fn certificates_are_made_in_two_places() {
    check_that_only(
        &["certs/src/authority", "certs/src/token_key.rs"],
        "rcgen::",
    );
}

#[test]
fn tokens_are_made_and_read_in_one_file() {
    check_that_only(&["server/src/auth/token.rs"], "jsonwebtoken::");
}

#[test]
fn tasks_are_spawned_in_one_file() {
    check_that_only(&["server/src/shutdown.rs"], "tokio::spawn");
}

#[test]
fn nobody_leaves_through_the_window() {
    check_that_only(&[], "process::exit");
}

#[test]
fn nothing_is_left_to_do_without_an_issue() {
    for folder in HOUSE.into_iter().chain(["tests"]) {
        for source in sources(folder) {
            for (number, line) in source.text.lines().enumerate() {
                // Written in two pieces, so as not to find itself.
                let open =
                    line.contains(concat!("TO", "DO")) || line.contains(concat!("FIX", "ME"));
                let place = format!("{}:{}", source.path, number + 1);
                assert!(
                    !open || line.contains("issue "),
                    "{place}: name the issue, or do it"
                );
            }
        }
    }
}
