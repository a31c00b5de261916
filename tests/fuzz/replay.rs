//! Replays the corpus: every input that the fuzzer or a person found worth keeping, on a plain build.
//!
//! Part of the unit tests of each crate that has targets. Knows nothing of what a target means.

use std::fs;
use std::path::PathBuf;

/// Runs each target on all inputs that are kept for it, of which there must be some.
#[track_caller]
pub(crate) fn replay(targets: impl IntoIterator<Item = (&'static str, fn(&[u8]))>) {
    let corpus = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus"));
    for (name, target) in targets {
        let inputs = fs::read_dir(corpus.join(name));
        let inputs = inputs.unwrap_or_else(|error| panic!("{name} has no corpus: {error}"));
        let mut count = 0;
        for input in inputs {
            let path = input.expect("a readable folder").path();
            let bytes = fs::read(&path).expect("a readable file");
            // Captured, and shown only when the target panics on this input.
            #[expect(
                clippy::print_stdout,
                reason = "names the input that a target failed on"
            )]
            {
                println!("{}", path.display());
            }
            target(&bytes);
            count += 1;
        }
        assert!(count > 0, "{name} has an empty corpus");
    }
}
