//! Flights: one piece of work for all who want the same at the same time.
//!
//! The work is nobody's own: it goes on when those who asked for it are gone, and whoever comes before
//! its end waits for the same outcome. Invariant: for each key at most one is under way.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::spawn::Spawn;

/// What is under way, by what it is for.
#[derive(Debug)]
pub(crate) struct Flights<K, T>(Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>);

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Waits for the work for `key`, which begins if nobody is at it. `None` when it came to no end,
    /// since the program is being stopped.
    ///
    /// # Cancel safety
    /// Dropped, the work goes on.
    pub(crate) async fn join<F>(&self, spawn: &Spawn, key: K, work: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (mut outcome, begun) = self.take_off(&key);
        if let Some(tell) = begun {
            // Made here, so that the place is free again even if the work never begins.
            let landing = Landing {
                flights: Arc::clone(&self.0),
                key,
            };
            let work = work();
            spawn.spawn(async move {
                let done = work.await;
                drop(landing);
                tell.send_replace(Some(done));
            });
        }
        let done = outcome.wait_for(Option::is_some).await.ok()?;
        done.clone()
    }

    /// Where the outcome for `key` will be told, and if nobody is at it, by whom.
    fn take_off(&self, key: &K) -> (watch::Receiver<Option<T>>, Option<watch::Sender<Option<T>>>) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = flights.get(key) {
            return (outcome.clone(), None);
        }
        let (tell, outcome) = watch::channel(None);
        flights.insert(key.clone(), outcome.clone());
        (outcome, Some(tell))
    }
}

/// Frees the place of a flight.
struct Landing<K: Eq + Hash, T> {
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    fn spawn() -> Spawn {
        Spawn::new(|work| drop(tokio::runtime::Handle::current().spawn(work)))
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_the_same_waits_for_the_same() {
        let (flights, spawn) = (Flights::default(), spawn());
        let begun = Arc::new(AtomicU32::new(0));
        let join = |key: &'static str| {
            let begun = Arc::clone(&begun);
            flights.join(&spawn, key, move || async move {
                sleep(Duration::from_secs(1)).await;
                begun.fetch_add(1, Ordering::Relaxed) + 1
            })
        };
        let (a, b, other) = tokio::join!(join("a"), join("a"), join("b"));
        assert_eq!(a, b);
        assert_ne!(a, other);
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        assert_eq!(join("a").await, Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_when_who_asked_is_gone() {
        let (flights, spawn) = (Flights::default(), spawn());
        let work = || async {
            sleep(Duration::from_secs(2)).await;
            "done"
        };
        let first = timeout(Duration::from_secs(1), flights.join(&spawn, 1, work)).await;
        assert!(first.is_err());
        let second = flights.join(&spawn, 1, || async { "begun again" }).await;
        assert_eq!(second, Some("done"));
    }

    #[tokio::test]
    async fn work_that_is_not_begun_is_no_flight() {
        let flights = Flights::default();
        let closed = Spawn::new(drop);
        let none = flights.join(&closed, 1, || async { "never" }).await;
        assert_eq!(none, None);
        let done = flights.join(&spawn(), 1, || async { "done" }).await;
        assert_eq!(done, Some("done"));
    }
}
