//! When an upstream is asked again: pauses that it wants, and pauses that we make.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause between attempts; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// No pause between attempts is longer.
const LONGEST: Duration = Duration::from_secs(10);
/// What an upstream that says "too many" without saying how long is given.
const UNSAID: Duration = Duration::from_secs(30);
/// No upstream is believed that it wants to be left alone for longer.
const MOST: Duration = Duration::from_hours(6);

/// Until when an upstream wants to be left alone.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// How long the pause still lasts, if there is one.
    pub(super) fn left(&self) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until
            .and_then(|until| until.checked_duration_since(Instant::now()))
            .filter(|left| !left.is_zero())
    }

    /// Leaves the upstream alone for as long as it said, and says how long that is.
    pub(super) fn pause(&self, said: Option<Duration>) -> Duration {
        let pause = said.unwrap_or(UNSAID).min(MOST);
        let until = Instant::now() + pause;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (*held).max(Some(until));
        pause
    }
}

/// The pause after the attempt `attempt`, counted from zero: between half and all of a span that grows,
/// so that many who failed together do not come back together.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let span = FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
    // Without randomness there is only the spread that the network makes.
    let share = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    span.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_and_is_never_cut_short_by_another() {
        let pace = Pace::default();
        assert_eq!(pace.left(), None);
        pace.pause(Some(Duration::from_mins(1)));
        pace.pause(Some(Duration::from_secs(1)));
        assert_eq!(pace.left(), Some(Duration::from_mins(1)));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(pace.left(), None);
        pace.pause(Some(Duration::MAX));
        assert_eq!(pace.left(), Some(MOST));
    }

    #[test]
    fn pauses_between_attempts_grow_up_to_a_limit() {
        for attempt in 0..40 {
            let span = FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
            let pause = backoff(attempt);
            assert!(pause >= span / 2 && pause <= span, "{attempt} {pause:?}");
        }
    }
}
