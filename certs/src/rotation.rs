//! Looking after the server certificate while the server runs.
//!
//! Owns *when* to look: every minute, because a look costs two small reads, sees the
//! administrator's files change, and is indifferent to jumps of the wall clock and to a sleeping
//! machine. What there is to do is decided in `tls`. Invariant: a failure never ends the server;
//! it is logged once and tried again.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::{error, warn};

use crate::error::report;
use crate::tls::ServerTls;
use crate::validity::{Utc, Validity};

/// Tells the wall-clock time; tests move it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

const LOOK: Duration = Duration::from_mins(1);

const DAY: Duration = Duration::from_hours(24);

/// How early an administrator hears of the end of a certificate of theirs, at the earliest; for one
/// with a short life it is the last sixth, after those who renew by themselves have done so.
const OWN_NOTICE: Duration = Duration::from_hours(24 * 30);

/// How early the end of our CA is announced: from then on server certificates are cut short, and
/// every client needs the next CA in time.
const AUTHORITY_NOTICE: Duration = Duration::from_hours(24 * 365);

/// Renews the certificate when it is due, takes over changed files, and warns of ends, until
/// `stop`.
///
/// One look is always taken. Nothing is spawned; each look runs on tokio's blocking pool.
///
/// # Cancel safety
///
/// Dropping it loses nothing: a look that has begun ends by itself and publishes what it made.
pub async fn run(tls: Arc<ServerTls>, clock: Clock, stop: impl Future<Output = ()>) {
    look_every(LOOK, tls, clock, stop).await;
}

async fn look_every(
    pause: Duration,
    tls: Arc<ServerTls>,
    clock: Clock,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut failures = Failures::default();
    let mut notices = Notices::default();
    loop {
        let now = clock();
        let looker = Arc::clone(&tls);
        let look = tokio::task::spawn_blocking(move || looker.refresh(now).map_err(|e| report(&e)));
        match look.await {
            Ok(outcome) => failures.note(outcome),
            Err(panic) if panic.is_panic() => resume_unwind(panic.into_panic()),
            // The runtime is shutting down.
            Err(_) => return,
        }
        notices.give(&tls, now);
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Logs a failure when it begins or changes, not at every look.
#[derive(Default)]
struct Failures {
    last: Option<String>,
}

impl Failures {
    fn note(&mut self, outcome: Result<(), String>) {
        let next = outcome.err();
        if let Some(error) = next.as_ref().filter(|_| next != self.last) {
            error!(
                error,
                "Kept the server certificate: it could not be renewed"
            );
        }
        self.last = next;
    }
}

/// Warns of what will expire, once a day.
#[derive(Default)]
struct Notices {
    last: Option<SystemTime>,
}

impl Notices {
    fn give(&mut self, tls: &ServerTls, now: SystemTime) {
        // A clock that was set back must not silence it.
        let recent = |last| now.duration_since(last).is_ok_and(|since| since < DAY);
        if self.last.is_some_and(recent) {
            return;
        }
        self.last = Some(now);
        let state = tls.state();
        if state.is_own && own_ends(&state.certificate.validity, now) {
            warn!(
                not_after = %Utc(state.certificate.validity.not_after),
                "The administrator's certificate expires: put a new one in its place"
            );
        }
        let authority = tls.authority();
        if authority_ends(&authority.validity, now) {
            warn!(
                authority = authority.subject,
                not_after = %Utc(authority.validity.not_after),
                "The certificate authority expires: rotate it and tell the clients"
            );
        }
    }
}

/// Whether it is time to announce the end of an administrator's certificate.
fn own_ends(validity: &Validity, now: SystemTime) -> bool {
    validity.ends_within(OWN_NOTICE.min(validity.life() / 6), now)
}

/// Whether it is time to announce the end of our CA.
fn authority_ends(validity: &Validity, now: SystemTime) -> bool {
    validity.ends_within(AUTHORITY_NOTICE, now)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Instant, UNIX_EPOCH};

    use super::*;
    use crate::tls::Config;

    fn open(dir: &tempfile::TempDir, now: SystemTime) -> Arc<ServerTls> {
        let config = Config {
            dir: dir.path().join("certs"),
            names: ["registry.example".parse().unwrap()].into(),
            own: None,
        };
        Arc::new(ServerTls::open(config, now).unwrap())
    }

    #[tokio::test]
    async fn it_looks_again_and_again_until_it_is_stopped() {
        let home = tempfile::tempdir().unwrap();
        let start = UNIX_EPOCH + DAY * 20_000;
        let tls = open(&home, start);
        let time = Arc::new(Mutex::new(start));
        let shown = Arc::clone(&time);
        let clock: Clock = Arc::new(move || *shown.lock().unwrap());

        let deadline = Instant::now() + Duration::from_secs(30);
        let stop = async {
            for year in 1..=3 {
                let before = tls.state();
                *time.lock().unwrap() = start + DAY * 365 * year;
                while tls.state() == before {
                    assert!(Instant::now() < deadline, "year {year}: not renewed");
                    tokio::task::yield_now().await;
                }
            }
        };
        look_every(Duration::from_millis(1), Arc::clone(&tls), clock, stop).await;
    }

    #[test]
    fn a_failure_that_lasts_is_remembered_and_a_success_forgets_it() {
        let mut failures = Failures::default();
        failures.note(Err("no space".into()));
        assert_eq!(failures.last.as_deref(), Some("no space"));
        failures.note(Ok(()));
        assert_eq!(failures.last, None);
    }

    #[track_caller]
    fn announced(ends: fn(&Validity, SystemTime) -> bool, life: Duration, early: Duration) {
        let not_before = UNIX_EPOCH + DAY * 20_000;
        let not_after = not_before + life;
        let validity = Validity {
            not_before,
            not_after,
        };
        assert!(!ends(&validity, not_after - early));
        assert!(ends(&validity, not_after - early + Duration::from_secs(1)));
        assert!(ends(&validity, not_after + DAY), "and once it is over");
    }

    #[test]
    fn ends_are_announced_in_time_to_act() {
        announced(own_ends, DAY * 365, DAY * 30);
        announced(own_ends, DAY * 90, DAY * 15);
        announced(own_ends, DAY * 6, DAY);
        announced(authority_ends, DAY * 3652, DAY * 365);
    }

    #[test]
    fn notices_come_once_a_day_whatever_the_clock_does() {
        let home = tempfile::tempdir().unwrap();
        let start = UNIX_EPOCH + DAY * 20_000;
        let tls = open(&home, start);
        let mut notices = Notices::default();
        let mut given_at = |now| {
            notices.give(&tls, now);
            notices.last == Some(now)
        };
        assert!(given_at(start));
        assert!(!given_at(start + DAY - Duration::from_secs(1)));
        assert!(given_at(start + DAY));
        assert!(given_at(start - DAY), "the clock was set back");
    }
}
