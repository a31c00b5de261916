//! How far long work has come, shown to a person who waits for it.
//!
//! On a terminal one line of stderr for each phase, written over as the work goes on; elsewhere a line
//! for each image that is done and nothing else, for what is written to a file or a pipe is the report.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::time::{Duration, Instant};

use roadstead_mirror::job::State;

use crate::admin::watch::{Phase, Step, Told};
use crate::cli::print;
use crate::jobs::progress::{FinishedImage, Reached};

/// How many characters a bar has.
const BAR: u64 = 24;

/// The lines that show it.
pub(super) struct Lines {
    is_terminal: bool,
    /// What the line that is being written is about, and since when.
    current: Option<(Subject, Instant)>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Images are looked at.
    Planning,
    /// Images are copied.
    Copying,
    /// Other work.
    Phase(Phase),
}

impl Lines {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            current: None,
        }
    }

    /// Shows what is told.
    pub(super) fn show(&mut self, told: Told) {
        match told {
            Told::Image(image) if !self.is_terminal => write(&finished(&image)),
            _ if !self.is_terminal => {}
            // The bar counts it, and the report names what is missing.
            Told::Image(_) => {}
            Told::Reached(reached) if reached.is_planned => {
                self.put(Subject::Copying, |since| copying(reached, since));
            }
            Told::Reached(reached) => self.put(Subject::Planning, |_| planning(reached)),
            Told::Step(step) => self.put(Subject::Phase(step.phase), |since| text(step, since)),
        }
    }

    fn put(&mut self, subject: Subject, text: impl FnOnce(Duration) -> String) {
        let since = match self.current {
            Some((current, since)) if current == subject => since,
            _ => {
                self.end();
                Instant::now()
            }
        };
        self.current = Some((subject, since));
        // Back to the first column, and nothing left of what stood here.
        write(&format!("\r\x1b[K{}", text(since.elapsed())));
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

/// The line of an image that is done.
fn finished(image: &FinishedImage) -> String {
    let became = match image.state {
        State::Changed | State::New => "copied",
        State::Failed => "failed",
        State::Left => "left",
        State::Missing => "not there",
        State::Unchanged => "unchanged",
    };
    format!("{became} {}\n", image.source)
}

fn planning(reached: Reached) -> String {
    format!(
        "looking at images: {} of {}",
        reached.examined, reached.images
    )
}

/// The bar of a copy after so much time.
fn copying(reached: Reached, elapsed: Duration) -> String {
    let Reached {
        images_done,
        images,
        bytes_done,
        bytes,
        ..
    } = reached;
    let (done, of) = if bytes > 0 {
        (bytes_done, bytes)
    } else {
        (images_done, images)
    };
    let filled = (BAR * done.min(of)).checked_div(of).unwrap_or(BAR);
    let bar: String = (0..BAR)
        .map(|place| if place < filled { '#' } else { '.' })
        .collect();
    let amounts = format!("{} of {}", print::size(bytes_done), print::size(bytes));
    let mut text = format!("[{bar}] {images_done} of {images} images, {amounts}");
    if let Some(rate) = bytes_done
        .checked_div(elapsed.as_secs())
        .filter(|rate| *rate > 0)
    {
        let _ = write!(text, ", {}/s", print::size(rate));
    }
    if let Some(left) = left(bytes_done, bytes, elapsed) {
        let _ = write!(text, ", {left} left");
    }
    text
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

    #[test]
    fn a_bar_says_how_many_images_and_bytes_and_how_long_it_takes() {
        let mut reached = Reached {
            is_planned: true,
            examined: 4,
            images_done: 1,
            images: 4,
            bytes_done: 1 << 20,
            bytes: 4 << 20,
        };
        assert_eq!(
            copying(reached, Duration::from_secs(4)),
            "[######..................] 1 of 4 images, 1.0 MiB of 4.0 MiB, 256.0 KiB/s, 12s left"
        );
        (reached.bytes, reached.bytes_done) = (0, 0);
        assert_eq!(
            copying(reached, Duration::ZERO),
            "[######..................] 1 of 4 images, 0 B of 0 B"
        );
        assert_eq!(planning(reached), "looking at images: 4 of 4");
    }
}
