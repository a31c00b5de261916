//! When a job is due next.
//!
//! Pure: what is remembered of a job and its schedule in, a moment out. It lies in the past where a run
//! was missed; however many were, they are made up for by one.

use std::time::SystemTime;

use jiff::tz::TimeZone;

use crate::config::When;
use crate::jobs::record::Record;

/// When a job is due; never, if only commands start it. One that runs so long after its last run, and
/// has never run, is due as soon as it is known.
pub(super) fn due(when: &When, record: &Record, zone: &TimeZone) -> Option<SystemTime> {
    match when {
        When::Asked {} => None,
        When::Every { every } => match record.settled() {
            Some(settled) => settled.checked_add(every.duration()),
            None => Some(record.since()),
        },
        When::Schedule { schedule } => {
            let behind = record.settled().unwrap_or_else(|| record.since());
            schedule.next_after(behind, zone)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::jobs::record::tests::ended;

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).unwrap()
    }

    #[track_caller]
    fn check(when: &When, record: &Record, expected: Option<&str>) {
        let due = due(when, record, &TimeZone::UTC);
        assert_eq!(due, expected.map(at));
    }

    fn nightly() -> When {
        let schedule = "0 3 * * *".parse().unwrap();
        When::Schedule { schedule }
    }

    fn hourly() -> When {
        let every = "1h".parse().unwrap();
        When::Every { every }
    }

    #[test]
    fn a_new_job_waits_for_its_hour_or_runs_at_once() {
        let new = Record::new(at("2026-03-01T10:00:00Z"));
        check(&nightly(), &new, Some("2026-03-02T03:00:00Z"));
        check(&hourly(), &new, Some("2026-03-01T10:00:00Z"));
        check(&When::Asked {}, &new, None);
    }

    #[test]
    fn the_next_run_counts_from_the_end_of_the_last() {
        let mut record = Record::new(at("2026-03-01T10:00:00Z"));
        let began = at("2026-03-02T03:00:00Z");
        ended(&mut record, began, began + Duration::from_mins(90), true);
        check(&nightly(), &record, Some("2026-03-03T03:00:00Z"));
        check(&hourly(), &record, Some("2026-03-02T05:30:00Z"));
    }

    #[test]
    fn a_run_that_was_stopped_or_cut_off_is_still_due() {
        let mut record = Record::new(at("2026-03-01T10:00:00Z"));
        let began = at("2026-03-02T03:00:00Z");
        record.begin(began);
        check(&nightly(), &record, Some("2026-03-02T03:00:00Z"));
        ended(&mut record, began, began + Duration::from_mins(90), false);
        check(&nightly(), &record, Some("2026-03-02T03:00:00Z"));
    }
}
