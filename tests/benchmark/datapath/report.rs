//! What is said of the rows and goals: tables for people, JSON for programs.

use serde_json::{Map, Value, json};

use crate::goals::Goal;
use crate::machine::Machine;
use crate::row::Row;
use crate::sample::{Figure, Sample};
use crate::target::ROADSTEAD;

/// A row: the medians of each contestant, and ours as ratios of the others'.
pub(crate) fn table(row: &Row) -> String {
    let figures = row.figures();
    let line = |head: &str, value: &dyn Fn(Figure) -> Option<f64>| {
        let cells: Vec<_> = figures.iter().map(|figure| cell(value(*figure))).collect();
        format!("  {head:<24}{}\n", cells.concat())
    };
    let heads = figures.iter().map(|figure| figure.names().0);
    let heads: Vec<_> = heads.map(|head| format!("{head:>15}")).collect();
    let mut text = format!(
        "{} ({})\n  {:<24}{}\n",
        row.title,
        row.name,
        "",
        heads.concat()
    );
    for (name, _) in &row.contestants {
        text += &line(name, &|figure| row.median(name, figure));
    }
    for (name, _) in row
        .contestants
        .iter()
        .filter(|(name, _)| *name != ROADSTEAD)
    {
        let ratio = |figure| {
            let ours = row.median(ROADSTEAD, figure)?;
            Some(ours / row.median(name, figure)?)
        };
        text += &line(&format!("ratio to {name}"), &ratio);
    }
    text
}

fn cell(value: Option<f64>) -> String {
    match value.filter(|value| value.is_finite()) {
        None => format!("{:>15}", "-"),
        Some(value) if value >= 100.0 => format!("{value:>15.0}"),
        Some(value) if value >= 10.0 => format!("{value:>15.1}"),
        Some(value) => format!("{value:>15.2}"),
    }
}

/// The goals, and how near the run came to each.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let lines: Vec<_> = goals.iter().map(|goal| format!("  {goal}\n")).collect();
    format!("Goals (medians of this run)\n{}", lines.concat())
}

/// Everything, for programs.
pub(crate) fn json(machine: &Machine, versions: &[String], rows: &[Row], goals: &[Goal]) -> String {
    let document = json!({
        "machine": {
            "processors": machine.processors(),
            "halved": machine.is_halved,
            "model": machine.model,
            "kernel": machine.kernel,
            "filesystem": machine.filesystem,
            "fdatasync_milliseconds": machine.sync,
            "versions": versions,
        },
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "goals": goals.iter().map(goal).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn row(row: &Row) -> Value {
    let contestants: Map<_, _> = row
        .contestants
        .iter()
        .map(|(name, samples)| {
            let medians: Map<_, _> = row
                .figures()
                .into_iter()
                .filter_map(|figure| Some(named(figure, row.median(name, figure)?)))
                .collect();
            let rounds: Vec<_> = samples.iter().map(sample).collect();
            let all = json!({ "medians": medians, "rounds": rounds });
            ((*name).to_owned(), all)
        })
        .collect();
    json!({ "name": row.name, "title": row.title, "contestants": contestants })
}

fn sample(sample: &Sample) -> Map<String, Value> {
    let figures = sample.0.iter();
    figures
        .map(|(figure, value)| named(*figure, *value))
        .collect()
}

fn named(figure: Figure, value: f64) -> (String, Value) {
    (figure.names().1.to_owned(), json!(value))
}

fn goal(goal: &Goal) -> Value {
    json!({
        "goal": goal.what,
        "limit": goal.limit.to_string(),
        "measured": goal.measured,
        "reached": goal.is_reached(),
    })
}
