//! How long requests took.

use std::time::Duration;

/// The times of many requests.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// What one in a hundred takes longer than.
    pub(crate) fn p99(&self) -> Duration {
        self.0[self.0.len() * 99 / 100]
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut all: Vec<_> = times.into_iter().collect();
        assert!(!all.is_empty(), "nothing was measured");
        all.sort_unstable();
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_takes_longer_than_p99() {
        let times: Latencies = (0..1000).rev().map(Duration::from_millis).collect();
        assert_eq!(times.p99(), Duration::from_millis(990));
        assert_eq!(times.count(), 1000);
    }
}
