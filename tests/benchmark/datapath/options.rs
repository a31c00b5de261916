//! What the command line of the benchmark says.

use std::path::PathBuf;
use std::time::Duration;

/// The help.
pub(crate) const USAGE: &str = "\
cargo bench -p roadstead-tests --bench datapath -- [OPTIONS]

  --rounds N       how often each contestant of a row is measured, after a round to warm up (default 3)
  --only A,B       only these rows, or all whose name goes on with a dash: blob,beside-tls
  --json FILE      the same figures as JSON, with those of each round
  --quick          small contents, short windows, one round: whether it works, not how fast
  --no-pin         leave all processors to everyone

It measures $ROADSTEAD_BIN, or the release build beside it (cargo build --release first), and keeps
its contents under $TMPDIR, which should be on a disk, for 8 GiB.";

/// What is to be measured, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    only: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) pin: bool,
    /// How long one measurement lasts, where it is told by the clock.
    pub(crate) window: Duration,
    /// Large blobs, in bytes.
    pub(crate) large: u64,
    /// Many connections.
    pub(crate) many: usize,
}

impl Options {
    /// Reads the words behind `--`; `None` when they ask for help.
    ///
    /// # Panics
    /// When they say nothing that is known.
    pub(crate) fn from_words(words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            rounds: 3,
            only: Vec::new(),
            json: None,
            pin: true,
            window: Duration::from_secs(2),
            large: 256 << 20,
            many: 1000,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .unwrap_or_else(|| panic!("{word} wants a value"))
            };
            match word.as_str() {
                "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
                "--only" => options.only = value().split(',').map(str::to_owned).collect(),
                "--json" => options.json = Some(value().into()),
                "--no-pin" => options.pin = false,
                "--quick" => {
                    options.rounds = 1;
                    options.window = Duration::from_millis(200);
                    options.large = 16 << 20;
                    options.many = 100;
                }
                "--help" | "-h" => return None,
                // Cargo says it to every benchmark.
                "--bench" => {}
                unknown => panic!("unknown: {unknown}\n\n{USAGE}"),
            }
        }
        assert!(options.rounds > 0, "at least one round");
        Some(options)
    }

    /// Whether a row of this name was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let asked_for = |only: &String| {
            let rest = name.strip_prefix(only.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.only.is_empty() || self.only.iter().any(asked_for)
    }
}
