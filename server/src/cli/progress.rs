//! How far long work has come, shown to a person who waits for it.
//!
//! On a terminal one line of stderr for each phase, written over as the work goes on; elsewhere
//! nothing, for what is written to a file or a pipe is the report alone.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::admin::watch::{Phase, Step};
use crate::cli::print;

/// The lines that show it.
pub(super) struct Lines {
    is_terminal: bool,
    /// The phase of the line that is being written, and since when.
    current: Option<(Phase, Instant)>,
}

impl Lines {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            current: None,
        }
    }

    /// Shows a step.
    pub(super) fn show(&mut self, step: Step) {
        if !self.is_terminal {
            return;
        }
        let since = match self.current {
            Some((phase, since)) if phase == step.phase => since,
            _ => {
                self.end();
                Instant::now()
            }
        };
        self.current = Some((step.phase, since));
        // Back to the first column, and nothing left of what stood here.
        write(&format!("\r\x1b[K{}", text(step, since.elapsed())));
    }

    fn end(&mut self) {
        if self.current.take().is_some() {
            write("\n");
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end();
    }
}

/// Who does not see it can do without.
fn write(text: &str) {
    let mut out = stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A step after so much time in its phase.
fn text(step: Step, elapsed: Duration) -> String {
    let Step { phase, done, total } = step;
    let amount = |number: u64| match phase {
        Phase::Copy | Phase::Hash => print::size(number),
        _ => number.to_string(),
    };
    let what = match phase {
        Phase::Check => "checking repositories",
        Phase::Copy => "copying blobs",
        Phase::Hash => "reading blobs",
        Phase::Index => "listing repositories",
        Phase::Mark => "reading manifests",
        Phase::Names => "copying repositories",
        Phase::Other => "working",
        Phase::Sweep => "taking blobs away",
    };
    match total {
        None => format!("{what}: {}", amount(done)),
        Some(total) => {
            let left = left(done, total, elapsed);
            let left = left.map_or_else(String::new, |left| format!(", {left} left"));
            format!("{what}: {} of {}{left}", amount(done), amount(total))
        }
    }
}

/// How long the rest takes at the pace so far, once that can be told.
fn left(done: u64, total: u64, elapsed: Duration) -> Option<humantime::FormattedDuration> {
    let rest = total.checked_sub(done).filter(|rest| *rest > 0)?;
    if done == 0 || elapsed < Duration::from_secs(2) {
        return None;
    }
    let seconds = u128::from(elapsed.as_secs()) * u128::from(rest) / u128::from(done);
    let left = Duration::from_secs(u64::try_from(seconds).ok()?);
    Some(humantime::format_duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phase: Phase, (done, total): (u64, Option<u64>), seconds: u64, expected: &str) {
        let step = Step { phase, done, total };
        assert_eq!(text(step, Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn a_step_says_how_much_is_done_and_what_is_left() {
        check(Phase::Mark, (7, None), 9, "reading manifests: 7");
        check(Phase::Sweep, (3, Some(4)), 1, "taking blobs away: 3 of 4");
        check(Phase::Sweep, (4, Some(4)), 9, "taking blobs away: 4 of 4");
        check(
            Phase::Hash,
            (1 << 20, Some(31 << 20)),
            3,
            "reading blobs: 1.0 MiB of 31.0 MiB, 1m 30s left",
        );
    }
}
