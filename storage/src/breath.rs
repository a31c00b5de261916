//! Long work that leaves room: after each short stretch it rests for as long.
//!
//! So the work takes half of a processor and half of the disk at most, and who pulls meanwhile waits no
//! longer than a stretch. Never to be called with a lock held.

use std::thread;
use std::time::{Duration, Instant};

/// How long it works at a time: less than the system's scheduler would let it.
const STRETCH: Duration = Duration::from_micros(500);
/// The longest rest, after a step that took long by itself.
const REST: Duration = Duration::from_millis(20);

/// Work that takes a breath now and then.
#[derive(Debug)]
pub(crate) struct Breath {
    since: Instant,
}

impl Breath {
    /// Work begins.
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
        }
    }

    /// Rests, if it is time to. To be called after each step.
    pub(crate) fn take(&mut self) {
        let worked = self.since.elapsed();
        if worked >= STRETCH {
            thread::sleep(worked.min(REST));
            self.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_as_long_as_it_has_worked() {
        let begun = Instant::now();
        let mut breath = Breath::new();
        let mut worked = Duration::ZERO;
        for _ in 0..5 {
            let step = Instant::now();
            thread::sleep(STRETCH);
            worked += step.elapsed();
            breath.take();
        }
        assert!(begun.elapsed() >= worked + 5 * STRETCH);
    }
}
