//! How a command that reports what was copied ends, and what it says last.
//!
//! Owns which exit code what is missing has. Knows nothing of how reports are printed. Invariant: a report
//! in which something is missing never ends with 0.

use crate::admin::failure::{Exit, Failure};
use crate::admin::report::{
    Exported, Imported, Mirrored, Planned, PlannedExport, PlannedImport, Ran,
};
use crate::cli::mirror::advice;
use crate::jobs::record::Ended;

/// How a plan ends.
///
/// # Errors
/// Says that it cannot be carried out in full, and what mends that.
pub(super) fn plan(planned: &Planned) -> Result<(), Failure> {
    unplannable(planned.end(), advice::of_plan(&planned.plan))
}

/// How a copy ended.
///
/// # Errors
/// Says that something is missing, and what mends that.
pub(super) fn copy(mirrored: &Mirrored) -> Result<(), Failure> {
    let reasons = advice::of_outcome(&mirrored.outcome);
    let attempt = "copy everything that is wanted";
    missing(mirrored.result, attempt, "the same command copies", reasons)
}

/// How the plan of an export ends.
///
/// # Errors
/// Says that it cannot be carried out in full.
pub(super) fn planned_export(planned: &PlannedExport) -> Result<(), Failure> {
    unplannable(planned.end(), advice::of_plan(&planned.export.plan))
}

/// How an export ended.
///
/// # Errors
/// Says that something is missing, and what mends that.
pub(super) fn export(exported: &Exported) -> Result<(), Failure> {
    let reasons = advice::of_outcome(&exported.export.outcome);
    let (attempt, again) = (
        "export everything that is wanted",
        "the same command writes",
    );
    missing(exported.result, attempt, again, reasons)
}

/// How the plan of an import ends.
///
/// # Errors
/// Says that it cannot be carried out in full.
pub(super) fn planned_import(planned: &PlannedImport) -> Result<(), Failure> {
    unplannable(planned.end(), advice::of_plan(&planned.import.plan))
}

/// How an import ended.
///
/// # Errors
/// Says that something is missing, and what mends that.
pub(super) fn import(imported: &Imported) -> Result<(), Failure> {
    let reasons = advice::of_outcome(&imported.import.outcome);
    let (attempt, again) = ("import everything that is there", "the same command brings");
    missing(imported.result, attempt, again, reasons)
}

/// How jobs ended, or would.
///
/// # Errors
/// Says that something is missing, and what mends that.
pub(super) fn jobs(ran: &Ran) -> Result<(), Failure> {
    match ran {
        Ran::Planned { jobs, .. } => {
            let reasons = jobs.iter().flat_map(|job| {
                let because = job.because.as_deref().into_iter();
                because.chain(advice::of_plan(&job.plan))
            });
            unplannable(together(ran.ends()), reasons)
        }
        Ran::Ended { jobs } => {
            let reasons = jobs.iter().flat_map(|job| {
                let because = job.run.because.as_deref().into_iter();
                because.chain(job.outcome.iter().flat_map(advice::of_outcome))
            });
            let attempt = "bring everything that the jobs are for";
            missing(
                together(ran.ends()),
                attempt,
                "`roadstead mirror run` brings",
                reasons,
            )
        }
    }
}

/// The failure that a plan is which cannot be carried out in full.
fn unplannable<'a>(result: Ended, reasons: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let failure = Failure::new("plan everything that is wanted");
    let failure = failure.since("something is missing, the report says what");
    let advice = advice::on(reasons);
    let failure = match advice.as_slice() {
        [] => failure,
        advice => failure.hint(advice.join("; ")),
    };
    judge(result, failure)
}

/// The failure that work is of which something is missing, and which `again` goes on with.
fn missing<'a>(
    result: Ended,
    attempt: &str,
    again: &str,
    reasons: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let failure = Failure::new(attempt).since("something is missing, the report says what");
    let mut advice = advice::on(reasons);
    let again = format!("{again} what is missing, and nothing twice");
    advice.push(&again);
    judge(result, failure.hint(advice.join("; ")))
}

/// How several ended as one.
fn together(results: Vec<Ended>) -> Ended {
    let one = results.into_iter().reduce(|one, other| match (one, other) {
        (Ended::Done, Ended::Done) => Ended::Done,
        (Ended::Failed, Ended::Failed) => Ended::Failed,
        _ => Ended::Partly,
    });
    one.unwrap_or(Ended::Done)
}

fn judge(result: Ended, failure: Failure) -> Result<(), Failure> {
    match result {
        Ended::Done => Ok(()),
        Ended::Partly => Err(failure.exit(Exit::Partly)),
        Ended::Failed | Ended::Stopped => Err(failure),
    }
}
