//! What the command line of the benchmark says.

use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
cargo bench -p roadstead-tests --bench datapath -- [OPTIONS]

  --rounds N       how often each contestant of a row is measured (default 5)
  --only A,B       only rows whose name begins so (see the names in the table)
  --json FILE      the same figures as JSON
  --quick          small contents, short windows, one round: whether it works, not how fast
  --no-pin         leave all processors to everyone";

/// What is to be measured, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) only: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) pin: bool,
    /// How long requests are counted in one measurement.
    pub(crate) window: Duration,
    /// Large blobs, in bytes.
    pub(crate) large: u64,
    /// How much is downloaded in one measurement, at least, in bytes.
    pub(crate) download: u64,
}

impl Options {
    /// Reads the words behind `--`; `None` when they ask for help.
    ///
    /// # Panics
    /// When they say nothing that is known.
    pub(crate) fn from_words(words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            rounds: 5,
            only: Vec::new(),
            json: None,
            pin: true,
            window: Duration::from_secs(2),
            large: 256 << 20,
            download: 4 << 30,
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
                    options.window = Duration::from_millis(300);
                    options.large = 16 << 20;
                    options.download = 64 << 20;
                }
                // Cargo says it to every benchmark.
                "--bench" => {}
                _ => {
                    println!("{USAGE}");
                    assert!(matches!(word.as_str(), "--help" | "-h"), "unknown: {word}");
                    return None;
                }
            }
        }
        assert!(options.rounds > 0, "at least one round");
        Some(options)
    }

    /// Whether a row of this name was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }
}
