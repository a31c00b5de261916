//! Measures rows: each contestant in turn, round after round.

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

impl<'a> Bench<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self {
            options,
            rows: Vec::new(),
        }
    }

    /// Measures each target in turn, round after round, and prints the row; round 0 only warms up.
    /// `measure` is told the round, so that it can do something new in each.
    pub(crate) fn row(
        &mut self,
        name: &str,
        title: String,
        targets: &[Target],
        mut measure: impl FnMut(&Target, usize) -> Sample,
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
            for (target, (_, samples)) in targets.iter().zip(&mut row.contestants) {
                let sample = measure(target, round);
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
