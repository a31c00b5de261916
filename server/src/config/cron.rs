//! Schedules as cron has them: five fields, and the moments that they name.
//!
//! Owns their grammar and the search for the next moment, in whatever time zone. Pure. What the clock
//! skips when it is put forward counts at the moment at which it is; of an hour that comes twice the
//! second counts only where the schedule names every hour. Invariant: a schedule that exists names some
//! day.

use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use thiserror::Error;

const MINUTES: RangeInclusive<u8> = 0..=59;
const HOURS: RangeInclusive<u8> = 0..=23;
const DAYS: RangeInclusive<u8> = 1..=31;
const MONTHS: RangeInclusive<u8> = 1..=12;
/// Sunday is both 0 and 7.
const WEEKDAYS: RangeInclusive<u8> = 0..=7;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How far ahead the next moment is looked for: from one 29 February to the next are at most eight years.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 366 * 8);

/// Five fields of a cron schedule: minute, hour, day, month, weekday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    text: String,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Cron {
    /// The first moment behind `after` that it names, in the time of `zone`.
    pub(crate) fn next_after(&self, after: SystemTime, zone: &TimeZone) -> Option<SystemTime> {
        let after = Timestamp::try_from(after).ok()?;
        let end = after.checked_add(HORIZON).ok()?;
        let mut minute = floor(after).checked_add(MINUTE).ok()?;
        while minute <= end {
            let local = zone.to_datetime(minute);
            if self.names(local) && !self.is_repeated(minute, local, zone)
                || self.names_skipped(minute, zone)
            {
                return Some(minute.into());
            }
            minute = minute.checked_add(self.stride(local)).ok()?;
        }
        None
    }

    /// From a minute to the next that is worth a look. Clocks are changed at a minute that begins an
    /// hour or a half, and no step leads past one.
    fn stride(&self, local: DateTime) -> SignedDuration {
        let is_due = self.names_day(local) && self.hour.has(local.hour());
        if is_due {
            return MINUTE;
        }
        let into = i64::from(local.minute().rem_euclid(30));
        SignedDuration::from_mins(30 - into)
    }

    fn names(&self, local: DateTime) -> bool {
        self.minute.has(local.minute()) && self.hour.has(local.hour()) && self.names_day(local)
    }

    /// As crontab(5) has it: where both the day and the weekday are restricted, either is enough.
    fn names_day(&self, local: DateTime) -> bool {
        let day = self.day.has(local.day());
        let weekday = self.weekday.has(local.weekday().to_sunday_zero_offset());
        let is_day = match (self.day.is_any, self.weekday.is_any) {
            (false, false) => day || weekday,
            _ => day && weekday,
        };
        is_day && self.month.has(local.month())
    }

    /// Whether this minute was already there before the clock was put back, and once is enough.
    fn is_repeated(&self, minute: Timestamp, local: DateTime, zone: &TimeZone) -> bool {
        let is_second = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { after, .. } => zone.to_offset(minute) == after,
            _ => false,
        };
        is_second && !self.hour.is_any
    }

    /// Whether the clock was put forward to this minute, over one that is named.
    fn names_skipped(&self, minute: Timestamp, zone: &TimeZone) -> bool {
        let before = zone.to_offset(minute - MINUTE);
        if before >= zone.to_offset(minute) {
            return false;
        }
        let (mut skipped, now) = (before.to_datetime(minute), zone.to_datetime(minute));
        while skipped < now {
            if self.names(skipped) {
                return true;
            }
            skipped = skipped.saturating_add(MINUTE);
        }
        false
    }

    /// Whether some day of some year is named.
    fn has_a_day(&self) -> bool {
        let last = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let has_date = MONTHS.filter(|month| self.month.bits & (1 << month) != 0);
        let mut first_days =
            has_date.map(|month| self.day.bits & ((1u64 << (last(month) + 1)) - 1));
        let counts_weekday = !self.day.is_any && !self.weekday.is_any;
        counts_weekday || first_days.any(|days| days != 0)
    }
}

/// The minute that a moment lies in.
fn floor(moment: Timestamp) -> Timestamp {
    let seconds = moment.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(moment)
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(InvalidCron::Grammar);
        };
        let field = |text, limits| Field::parse(text, limits).ok_or(InvalidCron::Grammar);
        let mut weekday = field(weekday, WEEKDAYS)?;
        weekday.bits |= weekday.bits >> 7;
        let cron = Self {
            minute: field(minute, MINUTES)?,
            hour: field(hour, HOURS)?,
            day: field(day, DAYS)?,
            month: field(month, MONTHS)?,
            weekday,
            text: fields.join(" "),
        };
        if cron.has_a_day() {
            Ok(cron)
        } else {
            Err(InvalidCron::Never)
        }
    }
}

impl Display for Cron {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Cron {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// The numbers that one field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    /// A bit for each number.
    bits: u64,
    /// Whether it begins with a star, and so restricts nothing by itself.
    is_any: bool,
}

impl Field {
    /// `*`, `3`, `1-5`, the first and the last with an optional `/step`, several with commas between.
    fn parse(text: &str, limits: RangeInclusive<u8>) -> Option<Self> {
        let mut bits = 0;
        for part in text.split(',') {
            for number in numbers(part, &limits)? {
                bits |= 1 << number;
            }
        }
        let is_any = text.starts_with('*');
        Some(Self { bits, is_any })
    }

    fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits >> number & 1 == 1)
    }
}

fn numbers(part: &str, limits: &RangeInclusive<u8>) -> Option<impl Iterator<Item = u8> + use<>> {
    let number = |text: &str| text.parse().ok().filter(|number| limits.contains(number));
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
        None => (part, 1),
    };
    let range = match range.split_once('-') {
        _ if range == "*" => limits.clone(),
        Some((from, to)) => number(from)?..=number(to)?,
        // With a step, it goes on to the end.
        None if step > 1 => number(range)?..=*limits.end(),
        None => number(range)?..=number(range)?,
    };
    (!range.is_empty()).then(|| range.step_by(step))
}

/// A text that is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidCron {
    /// It has another form.
    #[error("not five fields of cron, such as \"0 3 * * *\"")]
    Grammar,
    /// It has the form, and would never be due.
    #[error("names a day that no month has")]
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, valid: bool) {
        assert_eq!(text.parse::<Cron>().is_ok(), valid, "{text}");
    }

    /// The next moments after one, all in RFC 9557 without the zone.
    #[track_caller]
    fn follows(schedule: &str, zone: &str, after: &str, expected: &[&str]) {
        let zone = TimeZone::get(zone).unwrap();
        let cron: Cron = schedule.parse().unwrap();
        let mut moment: SystemTime = after.parse::<Timestamp>().unwrap().into();
        for expected in expected {
            moment = cron.next_after(moment, &zone).unwrap();
            let told = Timestamp::try_from(moment).unwrap().to_zoned(zone.clone());
            let told = told.strftime("%Y-%m-%dT%H:%M%:z").to_string();
            assert_eq!(told, *expected, "{schedule} after {after}");
        }
    }

    #[test]
    fn a_schedule_has_five_fields_within_their_limits() {
        for valid in [
            "0 3 * * *",
            "*/5 * * * *",
            "0,30 8-18 * * 1-5",
            "0 0 1 */3 7",
            "5/20 * 29 2 *",
        ] {
            check(valid, true);
        }
        for wrong in [
            "",
            "* * * *",
            "60 * * * *",
            "0 3 * * mon",
            "0 3 0 * *",
            "5-1 * * * *",
            "*/0 * * * *",
        ] {
            check(wrong, false);
        }
    }

    #[test]
    fn a_day_that_never_comes_is_refused() {
        check("0 3 30 2 *", false);
        check("0 3 31 4,6,9,11 *", false);
        check("0 3 30 2 1", true);
    }

    #[test]
    fn the_next_moment_is_never_the_present_one() {
        let expected = ["2026-03-02T03:00+00:00", "2026-03-03T03:00+00:00"];
        follows("0 3 * * *", "UTC", "2026-03-01T03:00:00Z", &expected);
        follows("0 3 * * *", "UTC", "2026-03-02T02:59:59.9Z", &expected);
    }

    #[test]
    fn steps_and_ranges_name_their_numbers() {
        let expected = [
            "2026-03-01T08:10+00:00",
            "2026-03-01T08:50+00:00",
            "2026-03-01T09:10+00:00",
        ];
        follows(
            "10-59/40 8-9 * * *",
            "UTC",
            "2026-03-01T00:00:00Z",
            &expected,
        );
        let expected = ["2026-03-01T00:40+00:00", "2026-03-01T01:00+00:00"];
        follows("*/20 * * * *", "UTC", "2026-03-01T00:20:30Z", &expected);
    }

    #[test]
    fn months_end_when_they_end() {
        let expected = [
            "2026-01-31T00:00+00:00",
            "2026-03-31T00:00+00:00",
            "2026-05-31T00:00+00:00",
        ];
        follows("0 0 31 * *", "UTC", "2026-01-01T00:00:00Z", &expected);
        let expected = ["2028-02-29T12:00+00:00", "2032-02-29T12:00+00:00"];
        follows("0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", &expected);
    }

    #[test]
    fn sunday_is_the_first_day_and_the_last() {
        for schedule in ["0 0 * * 0", "0 0 * * 7"] {
            let expected = ["2026-03-08T00:00+00:00", "2026-03-15T00:00+00:00"];
            follows(schedule, "UTC", "2026-03-01T00:00:00Z", &expected);
        }
        let expected = ["2026-03-07T00:00+00:00", "2026-03-08T00:00+00:00"];
        follows("0 0 * * 6-7", "UTC", "2026-03-01T00:00:00Z", &expected);
    }

    #[test]
    fn a_day_and_a_weekday_are_either() {
        let expected = [
            "2026-03-02T00:00+00:00",
            "2026-03-09T00:00+00:00",
            "2026-03-10T00:00+00:00",
        ];
        follows("0 0 10 * 1", "UTC", "2026-03-01T00:00:00Z", &expected);
        // A star with a step is a star (crontab(5)): then both count.
        let expected = ["2026-03-09T00:00+00:00", "2026-03-23T00:00+00:00"];
        follows("0 0 */2 * 1", "UTC", "2026-03-02T00:00:00Z", &expected);
    }

    #[test]
    fn what_the_clock_skips_is_due_when_it_does() {
        let (zone, after) = ("Europe/Berlin", "2026-03-28T12:00:00Z");
        let expected = ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"];
        follows("30 2 * * *", zone, after, &expected);
        let expected = ["2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"];
        follows("30 2,3 * * *", zone, after, &expected);
        // Clocks there go from midnight to one.
        let expected = ["2026-04-24T01:00+03:00", "2026-04-25T00:15+03:00"];
        follows(
            "15 0 * * *",
            "Africa/Cairo",
            "2026-04-23T12:00:00Z",
            &expected,
        );
        let expected = ["2026-10-04T02:30+11:00", "2026-10-05T02:10+11:00"];
        follows(
            "10 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T12:00:00Z",
            &expected,
        );
    }

    #[test]
    fn an_hour_that_comes_twice_counts_twice_where_every_hour_does() {
        let (zone, after) = ("Europe/Berlin", "2026-10-24T23:00:00Z");
        let expected = ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"];
        follows("30 2 * * *", zone, after, &expected);
        let expected = [
            "2026-10-25T01:30+02:00",
            "2026-10-25T02:30+02:00",
            "2026-10-25T02:30+01:00",
            "2026-10-25T03:30+01:00",
        ];
        follows("30 * * * *", zone, after, &expected);
    }
}
