//! How plans, outcomes and jobs are told to people. Pure: reports in, text out.
//!
//! Images of which nothing needs saying are counted and not listed. Invariant: whatever is missing is
//! named.

use std::fmt::Write;

use roadstead_mirror::job::{CutShort, NotPruned, Outcome, Report as Plan, State};

use crate::admin::report::{About, Job, JobState, Jobs, Mirrored, Planned, Ran};
use crate::cli::print;
use crate::jobs::record::{Ended, LastRun};
use crate::jobs::release::ReleaseSummary;
use crate::jobs::samples::StreamState;

/// What would be copied, and what it is.
pub(super) fn planned(planned: &Planned) -> String {
    plan(&planned.plan) + &about(&planned.about, false)
}

/// What was copied, what was not, and what it is.
pub(super) fn mirrored(mirrored: &Mirrored) -> String {
    let is_done = mirrored.result == Ended::Done;
    outcome(&mirrored.outcome) + &about(&mirrored.about, is_done)
}

/// The streams of samples that there are.
pub(super) fn streams(streams: &[StreamState]) -> String {
    let head = ["STREAM", "IMAGES", "HERE"].map(str::to_owned);
    let rows = streams.iter().map(|stream| {
        let here = stream.images - stream.missing.len();
        let state = match here {
            here if here == stream.images => "all".to_owned(),
            0 => "none".to_owned(),
            here => here.to_string(),
        };
        [stream.name.clone(), stream.images.to_string(), state]
    });
    print::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// What images are together, and what comes after having them all.
fn about(about: &About, is_done: bool) -> String {
    let mut text = String::new();
    if let Some(release) = &about.release {
        let ReleaseSummary {
            version,
            architecture,
            digest,
            destination,
            ..
        } = release;
        let _ = writeln!(text, "release {version} for {architecture}: {digest}");
        match release.signed_by.as_slice() {
            [] => text.push_str("signed by nobody who counts\n"),
            keys => {
                let _ = writeln!(text, "signed by {}", keys.join(", "));
            }
        }
        if is_done {
            let _ = writeln!(
                text,
                "it is {destination}; what clusters must be told of it:"
            );
            let _ = writeln!(text, "  roadstead cluster install-config  # to install");
            let _ = writeln!(text, "  roadstead cluster update {version}-{architecture}");
        }
    }
    if let Some(streams) = &about.streams {
        let (whole, rest): (Vec<_>, Vec<_>) =
            streams.iter().partition(|stream| stream.missing.is_empty());
        let (whole, all) = (whole.len(), print::count(streams.len() as u64, "stream"));
        let _ = writeln!(text, "complete: {whole} of {all} of samples");
        for stream in rest {
            let _ = writeln!(
                text,
                "incomplete {}: {}",
                stream.name,
                stream.missing.join(", ")
            );
        }
        if is_done {
            text.push_str("`roadstead cluster samples` tells a cluster which to use\n");
        }
    }
    text
}

/// What would be copied, and how much that is.
pub(super) fn plan(plan: &Plan) -> String {
    let head = ["IMAGE", "", "FETCH", "HERE", "GOES TO"].map(str::to_owned);
    let rows = plan.images.iter().map(|image| {
        [
            image.source.clone(),
            word(image.state).to_owned(),
            print::size(image.bytes_to_fetch),
            print::size(image.bytes_here),
            image.destination.clone(),
        ]
    });
    let mut text = print::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    for image in &plan.images {
        if let Some(because) = &image.because {
            let _ = writeln!(text, "{}: {because}", image.source);
        }
    }
    for tag in &plan.prune {
        let _ = writeln!(text, "would remove {tag}");
    }
    not_pruned(&mut text, &plan.not_pruned);
    let totals = &plan.totals;
    let counts = [
        (totals.unchanged, "unchanged"),
        (totals.skipped, "not there"),
        (totals.failed, "failed"),
    ];
    let copy = format!("would copy {}", totals.copy);
    let _ = writeln!(text, "{}", summary(totals.images, copy, &counts));
    let (fetch, here) = (totals.bytes_to_fetch, totals.bytes_here);
    let (fetch, here) = (print::size(fetch), print::size(here));
    let _ = writeln!(text, "would fetch {fetch}, {here} are here");
    text
}

/// What was copied, and what was not.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let mut text = String::new();
    for image in &outcome.images {
        let is_missing = matches!(image.state, State::Failed | State::Left | State::Missing);
        match &image.because {
            Some(because) => {
                let _ = writeln!(text, "{} {}: {because}", word(image.state), image.source);
            }
            None if is_missing => {
                let _ = writeln!(text, "{} {}", word(image.state), image.source);
            }
            None => {}
        }
    }
    for tag in &outcome.pruned {
        let _ = writeln!(text, "removed {tag}");
    }
    not_pruned(&mut text, &outcome.not_pruned);
    if let Some(CutShort::Failed { because }) = &outcome.cut_short {
        let _ = writeln!(text, "ended early: {because}");
    }
    let totals = &outcome.totals;
    let counts = [
        (totals.unchanged, "unchanged"),
        (totals.skipped, "not there"),
        (totals.failed, "failed"),
        (totals.left, "left"),
    ];
    let copied = format!("copied {}", totals.copied);
    let _ = writeln!(text, "{}", summary(totals.images, copied, &counts));
    let (fetched, saved) = (totals.bytes_fetched, totals.bytes_saved);
    let (fetched, saved) = (print::size(fetched), print::size(saved));
    let _ = writeln!(text, "fetched {fetched}, {saved} were here");
    text
}

/// How many images there are, what is done with most, and what with others, if there are such.
fn summary(images: u64, most: String, others: &[(u64, &str)]) -> String {
    let others = others.iter().filter(|(number, _)| *number > 0);
    let others = others.map(|(number, what)| format!("{number} {what}"));
    let parts: Vec<_> = std::iter::once(most).chain(others).collect();
    format!("{}: {}", print::count(images, "image"), parts.join(", "))
}

/// What became of each job that was run, or would.
pub(super) fn ran(ran: &Ran) -> String {
    let mut text = String::new();
    match ran {
        Ran::Ended { jobs } => {
            for job in jobs {
                let told = match (&job.outcome, &job.run.because) {
                    (Some(done), _) => outcome(done),
                    (None, Some(because)) => because.clone(),
                    (None, None) => String::new(),
                };
                section(&mut text, &job.name, job.run.result.name(), &told);
            }
        }
        Ran::Planned { jobs, .. } => {
            for job in jobs {
                let stands = match job.end() {
                    Ended::Done => "planned",
                    Ended::Partly => "planned in part",
                    Ended::Failed | Ended::Stopped => "failed",
                };
                match &job.because {
                    Some(because) => section(&mut text, &job.name, stands, because),
                    None => section(&mut text, &job.name, stands, &plan(&job.plan)),
                }
            }
        }
    }
    text
}

/// A job, how it stands in a word, and what more there is to say.
fn section(text: &mut String, job: &str, stands: &str, told: &str) {
    let _ = writeln!(text, "{job}: {stands}");
    for line in told.lines() {
        let _ = writeln!(text, "  {line}");
    }
}

/// How the jobs stand.
pub(super) fn jobs(jobs: &Jobs) -> String {
    if jobs.jobs.is_empty() {
        return "the configuration has no [[sync]] section\n".to_owned();
    }
    let head = ["JOB", "STATE", "IMAGES", "SIZE", "ENDED", "NEXT"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head)
        .chain(jobs.jobs.iter().map(row))
        .collect();
    let mut text = print::table(&rows);
    for job in &jobs.jobs {
        if let Some(last) = &job.last {
            missing(&mut text, &job.name, last);
        }
    }
    text
}

fn row(job: &Job) -> [String; 6] {
    let of = |done: String, all: String| format!("{done} of {all}");
    let none = || "-".to_owned();
    let (images, size) = match (&job.running, &job.last) {
        (Some(running), _) => {
            let now = &running.reached;
            (
                of(now.images_done.to_string(), now.images.to_string()),
                of(print::size(now.bytes_done), print::size(now.bytes)),
            )
        }
        (None, Some(last)) => {
            let totals = &last.totals;
            let here = totals.copied + totals.unchanged;
            (
                of(here.to_string(), totals.images.to_string()),
                print::size(totals.bytes_fetched),
            )
        }
        (None, None) => (none(), none()),
    };
    let ended = job.last.as_ref().and_then(|last| last.ended);
    [
        job.name.clone(),
        job.state.name().to_owned(),
        images,
        size,
        ended.map_or_else(none, Into::into),
        match (&job.next, job.state) {
            (_, JobState::Running) => "now".to_owned(),
            (next, _) => next.clone().unwrap_or_else(none),
        },
    ]
}

/// What a run did not bring.
fn missing(text: &mut String, job: &str, run: &LastRun) {
    if let Some(because) = &run.because {
        let _ = writeln!(text, "{job}: {because}");
    }
    for image in &run.failures {
        let because = image.because.as_deref().unwrap_or("failed");
        let _ = writeln!(text, "{job}: {}: {because}", image.source);
    }
    let named = run.failures.len() as u64;
    if let Some(more @ 1..) = run.totals.failed.checked_sub(named) {
        let _ = writeln!(text, "{job}: {} more failed", print::count(more, "image"));
    }
}

fn not_pruned(text: &mut String, repositories: &[NotPruned]) {
    for NotPruned {
        repository,
        because,
    } in repositories
    {
        let _ = writeln!(text, "not pruned {repository}: {because}");
    }
}

/// How an image stands, in a word.
fn word(state: State) -> &'static str {
    match state {
        State::Changed => "changed",
        State::Failed => "failed",
        State::Left => "left",
        State::Missing => "not there",
        State::New => "new",
        State::Unchanged => "unchanged",
    }
}

#[cfg(test)]
mod tests {
    use roadstead_mirror::job::{ImageOutcome, Totals};

    use super::*;

    #[test]
    fn what_is_missing_is_named_and_the_rest_is_counted() {
        let image = |name: &str, state, because: Option<&str>| ImageOutcome {
            source: format!("quay.io/a:{name}"),
            destination: format!("quay.io/a:{name}"),
            digest: None,
            state,
            because: because.map(str::to_owned),
        };
        let done = Outcome {
            images: vec![
                image("1", State::New, None),
                image("2", State::Failed, Some("it burned")),
                image("3", State::Left, None),
            ],
            pruned: vec!["quay.io/a:4".to_owned()],
            cut_short: Some(CutShort::Failed {
                because: "the disk is full".to_owned(),
            }),
            totals: Totals {
                images: 3,
                copied: 1,
                failed: 1,
                left: 1,
                ..Totals::default()
            },
            ..Outcome::default()
        };
        let expected = "failed quay.io/a:2: it burned\nleft quay.io/a:3\nremoved quay.io/a:4\n\
            ended early: the disk is full\n\
            3 images: copied 1, 1 failed, 1 left\nfetched 0 B, 0 B were here\n";
        assert_eq!(outcome(&done), expected);
    }
}
