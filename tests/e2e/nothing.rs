//! How a scenario ends whose requests were all refused: with an empty store.

use std::fs;

use harness::Registry;

/// Insists that the registry holds nothing, not even a directory for a repository, and ends it.
#[track_caller]
pub(crate) fn registry_is_empty(registry: Registry) {
    for folder in ["repos", "uploads", "tmp"] {
        let entries = fs::read_dir(registry.data().join(folder))
            .into_iter()
            .flatten();
        let left: Vec<_> = entries
            .map(|entry| entry.expect("a readable directory").path())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
    let truth = registry.finish().no_uploads();
    assert!(
        truth.blobs.is_empty() && truth.repositories.is_empty(),
        "{truth:?}"
    );
}
