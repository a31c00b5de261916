//! How many more manifests an upstream gives within its limit, as Docker Hub says in each answer.
//!
//! A job leaves the last of them to clients that wait for an image: it then asks no more often than the
//! limit refills. What the headers do not say is not limited.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// The part of a limit, one in so many, that jobs leave to clients.
const RESERVE: u64 = 10;

/// What an upstream last said of its limit.
#[derive(Debug, Default)]
pub(super) struct Quota(Mutex<Option<Said>>);

#[derive(Debug, Clone, Copy)]
struct Said {
    at: Instant,
    limit: u64,
    left: u64,
    window: Duration,
}

impl Quota {
    /// Takes in what an answer says: `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600`.
    /// Tells how many are left.
    pub(super) fn take_in(&self, headers: &HeaderMap) -> Option<u64> {
        let (limit, window) = parse(headers, "ratelimit-limit")?;
        let (left, _) = parse(headers, "ratelimit-remaining")?;
        let window = Duration::from_secs(window?);
        let said = Said {
            at: Instant::now(),
            limit,
            left,
            window,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
        Some(left)
    }

    /// How long a job has to wait before it may ask for the next manifest.
    pub(super) fn wait(&self) -> Option<Duration> {
        let said = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        if said.left > said.limit / RESERVE {
            return None;
        }
        let each = said.window / u32::try_from(said.limit.max(1)).unwrap_or(u32::MAX);
        let left = each.checked_sub(said.at.elapsed())?;
        (!left.is_zero()).then_some(left)
    }
}

/// A number, and the window in seconds that it is for.
fn parse(headers: &HeaderMap, name: &str) -> Option<(u64, Option<u64>)> {
    let text = headers.get(name)?.to_str().ok()?;
    let mut parts = text.split(';').map(str::trim);
    let number = parts.next()?.parse().ok()?;
    let window = parts.find_map(|part| part.strip_prefix("w=")?.parse().ok());
    Some((number, window))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(limit: &str, left: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("ratelimit-limit", limit), ("ratelimit-remaining", left)] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_slows_down_before_the_limit_is_reached() {
        let quota = Quota::default();
        assert_eq!(quota.wait(), None);
        assert_eq!(
            quota.take_in(&headers("100;w=21600", "11;w=21600")),
            Some(11)
        );
        assert_eq!(quota.wait(), None);
        quota.take_in(&headers("100;w=21600", "10;w=21600"));
        assert_eq!(quota.wait(), Some(Duration::from_secs(216)));
        tokio::time::advance(Duration::from_secs(200)).await;
        assert_eq!(quota.wait(), Some(Duration::from_secs(16)));
        tokio::time::advance(Duration::from_secs(16)).await;
        assert_eq!(quota.wait(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_read_limits_nothing() {
        let quota = Quota::default();
        for (limit, left) in [
            ("100", "0"),
            ("", "0;w=1"),
            ("100;w=x", "0;w=1"),
            ("1;w=1", "-1"),
        ] {
            assert_eq!(quota.take_in(&headers(limit, left)), None, "{limit} {left}");
        }
        assert_eq!(quota.take_in(&headers("0;w=0", "0;w=0")), Some(0));
        assert_eq!(quota.wait(), None);
    }
}
