//! Shares the sync of a directory among all who ask for it at the same time (group commit).
//!
//! A sync serves those who asked before it began. Who asks while one runs waits for the next one,
//! together with all others who do; one of them runs it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The syncs under way, by directory.
#[derive(Default)]
pub(super) struct DirSyncs(Mutex<HashMap<PathBuf, Arc<Rounds>>>);

#[derive(Default)]
struct Rounds {
    state: Mutex<State>,
    done: Condvar,
}

/// Rounds are numbered from 1.
#[derive(Default)]
struct State {
    begun: u64,
    ended: u64,
    /// The last one that went well.
    succeeded: u64,
}

impl DirSyncs {
    /// Returns after a `sync` that began after this call did; it may have been run by another thread. One
    /// that failed serves nobody but the thread that ran it: the others go on to try for themselves.
    pub(super) fn run<E>(&self, dir: &Path, sync: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let rounds = self.enter(dir);
        let synced = rounds.run(sync);
        self.leave(dir, rounds);
        synced
    }

    fn enter(&self, dir: &Path) -> Arc<Rounds> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(dir.to_owned()).or_default())
    }

    fn leave(&self, dir: &Path, rounds: Arc<Rounds>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(rounds);
        if map
            .get(dir)
            .is_some_and(|rounds| Arc::strong_count(rounds) == 1)
        {
            map.remove(dir);
        }
    }
}

impl Rounds {
    fn run<E>(&self, sync: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = state.begun + 1;
        while state.succeeded < wanted {
            if state.begun == state.ended {
                state.begun += 1;
                drop(state);
                let synced = sync();
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.ended = state.begun;
                if synced.is_ok() {
                    state.succeeded = state.ended;
                }
                self.done.notify_all();
                return synced;
            }
            state = self
                .done
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn all_who_ask_while_one_sync_runs_share_the_next() {
        let syncs = DirSyncs::default();
        let count = AtomicUsize::new(0);
        let (entered, was_entered) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let dir = Path::new("/a");
        thread::scope(|scope| {
            let (syncs, count) = (&syncs, &count);
            scope.spawn(move || {
                let first = syncs.run(dir, || {
                    count.fetch_add(1, Ordering::SeqCst);
                    entered.send(()).expect("the test listens");
                    wait.recv().expect("the test lets go");
                    Ok::<(), ()>(())
                });
                assert_eq!(first, Ok(()));
            });
            was_entered.recv().expect("the first sync runs");
            for _ in 0..8 {
                scope.spawn(move || {
                    let next = syncs.run(dir, || {
                        count.fetch_add(1, Ordering::SeqCst);
                        Ok::<(), ()>(())
                    });
                    assert_eq!(next, Ok(()));
                });
            }
            let waiting = || {
                let map = syncs.0.lock().expect("no panic under the lock");
                map.get(dir).map_or(0, Arc::strong_count)
            };
            while waiting() < 10 {
                thread::yield_now();
            }
            release.send(()).expect("the first sync waits");
        });
        let runs = count.load(Ordering::SeqCst);
        assert!((2..=9).contains(&runs), "{runs}");
        assert!(syncs.0.lock().expect("no panic under the lock").is_empty());
    }

    #[test]
    fn a_sync_that_began_before_the_call_does_not_count() {
        let syncs = DirSyncs::default();
        let mut runs = 0;
        for _ in 0..3 {
            let sync = || {
                runs += 1;
                Ok::<(), ()>(())
            };
            assert_eq!(syncs.run(Path::new("/a"), sync), Ok(()));
        }
        assert_eq!(runs, 3);
    }

    #[test]
    fn a_failed_sync_serves_nobody_else() {
        let syncs = DirSyncs::default();
        let dir = Path::new("/a");
        assert_eq!(syncs.run(dir, || Err("no")), Err("no"));
        assert_eq!(syncs.run(dir, || Ok::<(), &str>(())), Ok(()));
    }
}
