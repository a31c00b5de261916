//! When a certificate holds: the span, its two-thirds point, and how a moment is written.
//!
//! Owns all arithmetic on dates. Knows no clock (every `now` is an argument) and no certificate
//! format. Invariant: the bounds are whole seconds, as X.509 writes them, so that a span survives
//! being issued and read back.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const DAY: Duration = Duration::from_hours(24);

/// How far a certificate is dated back, for clients whose clock is behind.
const BACKDATE: Duration = DAY;

/// The life of a server certificate.
pub(crate) const LEAF_LIFE: Duration = Duration::from_hours(24 * 365);

/// The life of a CA: ten years with their leap days.
pub(crate) const AUTHORITY_LIFE: Duration = Duration::from_hours(24 * 3652);

/// The span in which a certificate holds; both ends are whole seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

impl Validity {
    /// From a day before `now` until `life` after it.
    pub(crate) fn starting(now: SystemTime, life: Duration) -> Self {
        let now = whole_seconds(now);
        Self {
            not_before: now - BACKDATE,
            not_after: now + life,
        }
    }

    /// The same span, ending no later than `end`.
    pub(crate) fn cut_at(self, end: SystemTime) -> Self {
        Self {
            not_after: self.not_after.min(end),
            ..self
        }
    }

    /// The whole length of the span; zero when its ends are the wrong way round.
    pub fn life(&self) -> Duration {
        self.not_after
            .duration_since(self.not_before)
            .unwrap_or_default()
    }

    /// The moment at which two thirds of the life are over.
    pub(crate) fn two_thirds(&self) -> SystemTime {
        self.not_before + self.life() * 2 / 3
    }

    /// Whether the end has passed.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.not_after < now
    }

    /// Whether less than `span` is left at `now`, or nothing.
    pub(crate) fn ends_within(&self, span: Duration, now: SystemTime) -> bool {
        self.not_after < now + span
    }
}

/// A moment printed in UTC as RFC 3339 has it, for messages and logs.
pub(crate) struct Utc(pub(crate) SystemTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match calendar(self.0).and_then(|date| date.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => f.write_str("a date outside the calendar"),
        }
    }
}

/// The calendar date of a moment; nothing for years that a certificate can't name.
pub(crate) fn calendar(moment: SystemTime) -> Option<OffsetDateTime> {
    let seconds = match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok()?,
        Err(before) => -i64::try_from(before.duration().as_secs()).ok()?,
    };
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// The moment that a certificate writes as seconds since 1970.
pub(crate) fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        UNIX_EPOCH - distance
    } else {
        UNIX_EPOCH + distance
    }
}

fn whole_seconds(moment: SystemTime) -> SystemTime {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => UNIX_EPOCH + Duration::from_secs(after.as_secs()),
        Err(before) => UNIX_EPOCH - Duration::from_secs(before.duration().as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_900_000_000_750)
    }

    #[test]
    fn a_span_starts_a_day_back_on_a_whole_second() {
        let span = Validity::starting(now(), LEAF_LIFE);
        assert_eq!(span.not_before, moment(1_900_000_000 - 86_400));
        assert_eq!(span.life(), DAY * 366);
    }

    #[test]
    fn two_thirds_count_from_the_first_moment() {
        let span = Validity::starting(now(), LEAF_LIFE);
        assert_eq!(span.two_thirds(), span.not_before + DAY * 244);
    }

    #[test]
    fn a_cut_never_lengthens() {
        let span = Validity::starting(now(), LEAF_LIFE);
        assert_eq!(span.cut_at(span.not_after + DAY), span);
        assert_eq!(span.cut_at(now()).not_after, now());
    }

    #[test]
    fn the_last_second_still_counts() {
        let span = Validity::starting(now(), LEAF_LIFE);
        assert!(!span.is_over(span.not_after));
        assert!(span.is_over(span.not_after + Duration::from_secs(1)));
    }

    #[test]
    fn moments_print_in_utc() {
        assert_eq!(
            Utc(moment(1_900_000_000)).to_string(),
            "2030-03-17T17:46:40Z"
        );
        assert_eq!(Utc(moment(-1)).to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(
            Utc(moment(i64::MAX / 4)).to_string(),
            "a date outside the calendar"
        );
    }
}
