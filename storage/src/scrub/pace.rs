//! How fast a scrub reads, and that it stops when asked.
//!
//! Waits on the thread that reads, a little at a time, so that a stop is noticed soon.

use std::num::NonZeroU64;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::progress::check_stop;

/// The longest wait without a look at the stop flag.
const NAP: Duration = Duration::from_millis(100);
const NANOS_PER_SEC: u128 = 1_000_000_000;

/// Spreads reading over time.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    bytes_per_second: Option<NonZeroU64>,
    stop: &'a AtomicBool,
    /// When what was read so far is paid for.
    due: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(bytes_per_second: Option<NonZeroU64>, stop: &'a AtomicBool) -> Self {
        Self {
            bytes_per_second,
            stop,
            due: Instant::now(),
        }
    }

    /// So many bytes were read: returns when more may be. Time in which nothing was read is not made
    /// up for.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), Error> {
        check_stop(self.stop)?;
        let Some(rate) = self.bytes_per_second else {
            return Ok(());
        };
        let nanos = u128::from(bytes) * NANOS_PER_SEC / u128::from(rate.get());
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.due = self.due.max(Instant::now()) + cost;
        loop {
            let left = self.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(NAP));
            check_stop(self.stop)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn reading_takes_as_long_as_its_rate_says() {
        let stop = AtomicBool::new(false);
        let mut pace = Pace::new(NonZeroU64::new(1_000_000), &stop);
        let begun = Instant::now();
        for _ in 0..5 {
            pace.spend(10_000).expect("nobody stops it");
        }
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn a_wait_of_years_ends_with_the_stop() {
        let stop = AtomicBool::new(false);
        let mut pace = Pace::new(NonZeroU64::new(1), &stop);
        thread::scope(|scope| {
            let waiting = scope.spawn(move || pace.spend(u64::MAX));
            stop.store(true, Ordering::Relaxed);
            let waited = waiting.join().expect("it does not panic");
            assert!(matches!(waited, Err(Error::Stopped)));
        });
    }
}
