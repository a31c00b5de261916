//! Measures rows: each contestant in turn, round after round.

use std::time::Duration;

use crate::options::Options;
use crate::report;
use crate::row::Row;
use crate::sample::Sample;
use crate::target::Target;

/// All rows so far, and how they are measured.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    rows: Vec<Row>,
}

/// One measurement of one contestant.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// Round 0 only warms up.
    pub(crate) round: usize,
    /// How long it lasts, where it is told by the clock.
    pub(crate) window: Duration,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self {
            options,
            rows: Vec::new(),
        }
    }

    /// Measures each target in turn, round after round, and prints the row.
    pub(crate) fn row(
        &mut self,
        name: &str,
        title: String,
        targets: &[Target],
        mut measure: impl FnMut(&Target, Turn) -> Sample,
    ) {
        if !self.options.wants(name) {
            return;
        }
        let contestants = targets.iter().map(|target| (target.name, Vec::new()));
        let mut row = Row {
            name: name.to_owned(),
            title,
            contestants: contestants.collect(),
        };
        for round in 0..=self.options.rounds {
            let window = self.options.window;
            let window = if round == 0 { window / 4 } else { window };
            let turn = Turn { round, window };
            for (target, (_, samples)) in targets.iter().zip(&mut row.contestants) {
                let sample = measure(target, turn);
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        println!("{}", report::table(&row));
        self.rows.push(row);
    }

    /// Every row that was measured.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}
