//! Real clients, each in a world of its own, and a real registry for them to pull from.
//!
//! Storage, credentials, trusted certificates and configuration lie in a scratch directory; what the
//! machine's user has is neither read nor written. A client that is not installed is said aloud and
//! the test is skipped, except where clients are required: there it fails.

mod containerd;
mod containers;
mod distribution;
mod docker;

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

pub use containerd::Containerd;
pub use containers::Containers;
pub use distribution::Distribution;
pub use docker::Docker;

/// Where distributions put their programs: looked at before `PATH`, for these are the clients meant.
const SYSTEM: [&str; 2] = ["/usr/bin", "/usr/sbin"];

/// What Debian and Fedora call differently.
const ELSEWHERE: [(&str, &str); 1] = [("docker-registry", "registry")];

/// Finds all these programs, by their names on Debian. If one is missing, or this is not root, says
/// so and returns none.
///
/// # Panics
///
/// If so and `CI=1` or `ROADSTEAD_REQUIRE_CLIENTS=1`.
pub fn installed<const N: usize>(programs: [&str; N]) -> Option<[PathBuf; N]> {
    let found = programs.map(find);
    let missing: Vec<_> = programs
        .iter()
        .zip(&found)
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| *name)
        .collect();
    if !missing.is_empty() {
        skip(&format!("{} not installed", missing.join(", ")));
        None
    } else if geteuid().is_root() {
        Some(found.map(|path| path.expect("nothing is missing")))
    } else {
        skip("real clients are driven as root");
        None
    }
}

/// Finds a program that need not run as root. If it is missing, says so and returns none.
///
/// # Panics
///
/// If so and `CI=1` or `ROADSTEAD_REQUIRE_CLIENTS=1`.
pub fn at_hand(program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        skip(&format!("{program} not installed"));
    }
    found
}

/// Says that the running test does nothing, and why; fails it where clients are required.
fn skip(reason: &str) {
    assert!(!required(), "clients are required here: {reason}");
    // Not through `eprintln`, which the test runner would keep to itself.
    drop(writeln!(io::stderr(), "skipped: {reason}"));
}

/// Whether this run may not do without clients.
fn required() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| value == "1" || value == "true");
    set("CI") || set("ROADSTEAD_REQUIRE_CLIENTS")
}

fn find(program: &str) -> Option<PathBuf> {
    let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == program);
    find_named(program).or_else(|| find_named(elsewhere?.1))
}

fn find_named(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    SYSTEM
        .into_iter()
        .map(PathBuf::from)
        .chain(env::split_paths(&path))
        .map(|dir| dir.join(program))
        .find(|candidate| Path::is_file(candidate))
}
