//! A row: what each contestant showed, round after round.

use std::collections::BTreeSet;

use crate::sample::{Figure, Sample};

/// All samples of a row.
pub(crate) struct Row {
    /// What it is called on the command line, in JSON and by the goals.
    pub(crate) name: String,
    /// What is done, in words.
    pub(crate) title: String,
    pub(crate) contestants: Vec<(&'static str, Vec<Sample>)>,
}

impl Row {
    /// The median of a figure of a contestant.
    pub(crate) fn median(&self, contestant: &str, figure: Figure) -> Option<f64> {
        let mut found = self.contestants.iter();
        let (_, samples) = found.find(|(name, _)| *name == contestant)?;
        let values = samples.iter();
        let mut values: Vec<f64> = values
            .filter_map(|sample| sample.0.get(&figure).copied())
            .collect();
        values.sort_by(f64::total_cmp);
        let upper = values.get(values.len() / 2)?;
        let lower = values.get(values.len().saturating_sub(1) / 2)?;
        Some(f64::midpoint(*upper, *lower))
    }

    /// Every figure that was measured.
    pub(crate) fn figures(&self) -> BTreeSet<Figure> {
        let samples = self.contestants.iter().flat_map(|(_, samples)| samples);
        samples
            .flat_map(|sample| sample.0.keys().copied())
            .collect()
    }
}
