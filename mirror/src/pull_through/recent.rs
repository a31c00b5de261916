//! What an upstream listed a moment ago: asked for once by all who want it, and good for a while.
//!
//! Invariant: at most so many lists are remembered, each only as long as what a tag names is believed.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::flight::Flights;
use crate::spawn::Spawn;

/// How many lists are remembered.
const MOST: usize = 256;
/// How many entries a list may have to be remembered.
const MOST_ENTRIES: usize = 10_000;

type Asked<T> = Result<Arc<[T]>, Arc<Error>>;

/// Lists of an upstream.
#[derive(Debug)]
pub(super) struct Recent<K, T> {
    flights: Flights<K, Asked<T>>,
    held: Arc<Mutex<Held<K, T>>>,
    max_age: Duration,
}

type Held<K, T> = HashMap<K, (Instant, Arc<[T]>)>;

impl<K, T> Recent<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(super) fn new(max_age: Duration) -> Self {
        Self {
            flights: Flights::default(),
            held: Arc::default(),
            max_age,
        }
    }

    /// The list for `key`, as it was a moment ago.
    pub(super) fn held(&self, key: &K) -> Option<Arc<[T]>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, list) = held.get(key)?;
        (at.elapsed() < self.max_age).then(|| Arc::clone(list))
    }

    /// The list for `key` as `ask` brings it. `None` when it came to no end, since the program is being
    /// stopped.
    ///
    /// # Cancel safety
    /// Dropped, the question goes on.
    pub(super) async fn ask<F>(
        &self,
        spawn: &Spawn,
        key: K,
        ask: impl FnOnce() -> F,
    ) -> Option<Asked<T>>
    where
        F: Future<Output = Result<Vec<T>, Error>> + Send + 'static,
    {
        let (held, max_age) = (Arc::clone(&self.held), self.max_age);
        let remembered = key.clone();
        let work = || {
            let asked = ask();
            async move {
                let list: Arc<[T]> = asked.await.map_err(Arc::new)?.into();
                remember(&held, max_age, remembered, &list);
                Ok(list)
            }
        };
        self.flights.join(spawn, key, work).await
    }
}

fn remember<K: Eq + Hash, T>(held: &Mutex<Held<K, T>>, max_age: Duration, key: K, list: &Arc<[T]>) {
    if list.len() > MOST_ENTRIES {
        return;
    }
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    if held.len() >= MOST {
        held.retain(|_, (at, _)| at.elapsed() < max_age);
    }
    if held.len() < MOST {
        held.insert(key, (Instant::now(), Arc::clone(list)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_list_is_good_for_a_while_and_few_are_remembered() {
        let recent: Recent<usize, u8> = Recent::new(Duration::from_secs(10));
        let spawn = Spawn::new(|work| drop(tokio::runtime::Handle::current().spawn(work)));
        for key in 0..MOST + 2 {
            let asked = recent.ask(&spawn, key, || async { Ok(vec![1]) }).await;
            assert!(asked.is_some_and(|asked| asked.is_ok()));
        }
        assert_eq!(recent.held(&0).as_deref(), Some([1].as_slice()));
        assert_eq!(recent.held(&(MOST + 1)), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(recent.held(&0), None);
        drop(recent.ask(&spawn, MOST + 1, || async { Ok(vec![2]) }).await);
        assert_eq!(recent.held(&(MOST + 1)).as_deref(), Some([2].as_slice()));
    }
}
