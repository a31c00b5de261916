//! What is said of the rows: a table for people, JSON for programs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::fleet::{Fleet, ROADSTEAD};
use crate::goals::Goal;
use crate::machine::Machine;
use crate::row::{Figure, Row};

/// All rows so far, and what they were measured on.
pub(crate) struct Report {
    machine: Value,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(machine: &Machine, fleet: &Fleet) -> Self {
        Self {
            machine: json!({
                "processors": machine.processors(),
                "model": machine.model,
                "kernel": machine.kernel,
                "filesystem": machine.filesystem,
                "fdatasync_milliseconds": machine.sync,
                "versions": fleet.versions().lines().collect::<Vec<_>>(),
            }),
            rows: Vec::new(),
        }
    }

    /// Keeps a row, and prints it.
    pub(crate) fn add(&mut self, row: Row) {
        print(&row);
        self.rows.push(row);
    }

    /// A figure of a contestant in a row that was measured.
    pub(crate) fn median(&self, row: &str, contestant: &str, figure: Figure) -> Option<f64> {
        let row = self.rows.iter().find(|candidate| candidate.name == row)?;
        row.median(contestant, figure)
    }

    /// Everything, for programs.
    pub(crate) fn json(&self, goals: &[Goal]) -> String {
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let goals: Vec<_> = goals.iter().map(Goal::json).collect();
        let document = json!({"machine": self.machine, "rows": rows, "goals": goals});
        format!("{document:#}\n")
    }
}

fn figures(row: &Row) -> BTreeSet<Figure> {
    let samples = row.contestants.iter().flat_map(|(_, samples)| samples);
    samples
        .flat_map(|sample| sample.0.keys().copied())
        .collect()
}

fn print(row: &Row) {
    let figures = figures(row);
    let heads: String = figures
        .iter()
        .map(|figure| format!("{:>16}", figure.names().0))
        .collect();
    println!("{} ({})", row.title, row.name);
    println!("  {:<18}{heads}", "");
    for (name, _) in &row.contestants {
        let values: String = figures
            .iter()
            .map(|figure| cell(row.median(name, *figure)))
            .collect();
        println!("  {name:<18}{values}");
    }
    for (name, _) in row
        .contestants
        .iter()
        .filter(|(name, _)| *name != ROADSTEAD)
    {
        let ratios: String = figures
            .iter()
            .map(|figure| {
                let ours = row.median(ROADSTEAD, *figure);
                let ratio = ours
                    .zip(row.median(name, *figure))
                    .map(|(ours, theirs)| ours / theirs);
                cell(ratio)
            })
            .collect();
        println!("  {:<18}{ratios}", format!("ratio to {name}"));
    }
    println!();
}

fn cell(value: Option<f64>) -> String {
    match value {
        None => format!("{:>16}", "-"),
        Some(value) if !value.is_finite() => format!("{:>16}", "-"),
        Some(value) if value >= 100.0 => format!("{value:>16.0}"),
        Some(value) if value >= 10.0 => format!("{value:>16.1}"),
        Some(value) => format!("{value:>16.2}"),
    }
}

fn row(row: &Row) -> Value {
    let figures = figures(row);
    let mut contestants = Map::new();
    for (name, samples) in &row.contestants {
        let medians: Map<_, _> = figures
            .iter()
            .filter_map(|figure| {
                let median = row.median(name, *figure)?;
                Some((figure.names().1.to_owned(), json!(median)))
            })
            .collect();
        let all: Vec<Map<_, _>> = samples
            .iter()
            .map(|sample| {
                let figures = sample.0.iter();
                figures
                    .map(|(figure, value)| (figure.names().1.to_owned(), json!(value)))
                    .collect()
            })
            .collect();
        contestants.insert(
            (*name).to_owned(),
            json!({"medians": medians, "rounds": all}),
        );
    }
    json!({"name": row.name, "title": row.title, "contestants": contestants})
}
