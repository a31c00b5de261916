//! How far a copy has come, for whoever looks at it.
//!
//! One side tells, any number of others look when they like; nobody waits for anybody. Knows nothing of
//! how it is shown.

use std::iter::Sum;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use roadstead_mirror::job::{Event, State, Watch};
use serde::{Deserialize, Serialize};

/// How far a copy has come. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_planned: AtomicBool,
    examined: AtomicU64,
    images: AtomicU64,
    bytes_done: AtomicU64,
    bytes: AtomicU64,
    finished: Mutex<Vec<FinishedImage>>,
}

/// How far a copy has come, at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reached {
    /// Whether all images were looked at, and copying has begun.
    pub(crate) is_planned: bool,
    /// Images that were looked at, before anything is copied.
    pub(crate) examined: u64,
    /// Images that have come to their end.
    pub(crate) images_done: u64,
    /// Images, as far as they are known.
    pub(crate) images: u64,
    /// Bytes that were fetched.
    pub(crate) bytes_done: u64,
    /// Bytes that are to be fetched, as far as that is known.
    pub(crate) bytes: u64,
}

/// An image that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishedImage {
    /// What it is at the upstream.
    pub(crate) source: String,
    /// How it stands.
    pub(crate) state: State,
}

/// Several copies together.
impl Sum for Reached {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let none = Self {
            is_planned: true,
            ..Self::default()
        };
        all.fold(none, |sum, one| Self {
            is_planned: sum.is_planned && one.is_planned,
            examined: sum.examined + one.examined,
            images_done: sum.images_done + one.images_done,
            images: sum.images + one.images,
            bytes_done: sum.bytes_done + one.bytes_done,
            bytes: sum.bytes + one.bytes,
        })
    }
}

impl Progress {
    /// Where a copy tells how it gets on.
    pub(crate) fn watch(&self) -> Watch {
        let inner = Arc::clone(&self.0);
        Watch::new(move |event| inner.take(event))
    }

    /// How far it has come.
    pub(crate) fn reached(&self) -> Reached {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let images_done = self.0.finished().len() as u64;
        Reached {
            is_planned: self.0.is_planned.load(Ordering::Relaxed),
            examined: number(&self.0.examined),
            images_done,
            // What never could be looked at comes to its end all the same.
            images: number(&self.0.images).max(images_done),
            bytes_done: number(&self.0.bytes_done),
            bytes: number(&self.0.bytes),
        }
    }

    /// The images that have come to their end, in that order, without the first ones.
    pub(crate) fn finished_behind(&self, first: usize) -> Vec<FinishedImage> {
        self.0.finished()[first..].to_vec()
    }
}

impl Inner {
    fn take(&self, event: Event) {
        let set = |counter: &AtomicU64, number| counter.store(number, Ordering::Relaxed);
        match event {
            Event::Bytes(more) => {
                self.bytes_done.fetch_add(more, Ordering::Relaxed);
            }
            Event::Examined { done, of } => {
                set(&self.examined, done);
                set(&self.images, of);
            }
            Event::ImageDone { source, state } => {
                self.finished().push(FinishedImage { source, state });
            }
            Event::Planned { images: _, bytes } => {
                set(&self.bytes, bytes);
                self.is_planned.store(true, Ordering::Relaxed);
            }
        }
    }

    fn finished(&self) -> std::sync::MutexGuard<'_, Vec<FinishedImage>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_seen_by_all_who_look() {
        let progress = Progress::default();
        let inner = Arc::clone(&progress.0);
        inner.take(Event::Examined { done: 2, of: 2 });
        assert!(!progress.reached().is_planned);
        inner.take(Event::Planned {
            images: 1,
            bytes: 10,
        });
        inner.take(Event::Bytes(4));
        for (source, state) in [("a", State::New), ("b", State::Failed)] {
            let source = source.to_owned();
            inner.take(Event::ImageDone { source, state });
        }
        let expected = Reached {
            is_planned: true,
            examined: 2,
            images_done: 2,
            images: 2,
            bytes_done: 4,
            bytes: 10,
        };
        assert_eq!(progress.reached(), expected);
        assert_eq!(progress.finished_behind(1)[0].source, "b");
    }

    #[test]
    fn several_copies_are_planned_when_all_are() {
        let planned = Reached {
            is_planned: true,
            images: 2,
            ..Reached::default()
        };
        let both: Reached = [planned, planned].into_iter().sum();
        assert!(both.is_planned && both.images == 4);
        let both: Reached = [planned, Reached::default()].into_iter().sum();
        assert!(!both.is_planned);
    }
}
