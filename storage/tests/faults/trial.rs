//! One trial: an operation meets a fault, and everything is looked at, at once and in the end.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roadstead_storage::{Config, Error, ScrubOptions, Store};
use rustix::io::Errno;

use crate::common::files_below;
use crate::descriptor;
use crate::facts::{Facts, facts, in_between};
use crate::fault::{Fault, Met};
use crate::lab::Lab;
use crate::operation::{self, Operation};

/// Longer than anything here takes, unless it waits for what is never given back.
const DEADLINE: Duration = Duration::from_mins(1);
/// No names.
const NONE: [String; 0] = [];

/// What the repositories hold without any fault.
pub(crate) struct Expected {
    before: Facts,
    after: Facts,
    /// When collection has come by.
    at_last: Facts,
}

impl Expected {
    pub(crate) async fn of(operation: Operation, lab: &mut Lab) -> Self {
        lab.reset();
        let before = if operation == Operation::Create {
            Facts::new()
        } else {
            lab.open().await.expect("opens");
            facts(lab.store(), &lab.root()).await
        };
        lab.reset();
        operation.prepare(lab).await;
        operation.run(lab).await.expect("nothing fails");
        let after = facts(lab.store(), &lab.root()).await;
        settle(operation, lab, "no fault").await;
        let at_last = facts(lab.store(), &lab.root()).await;
        Self {
            before,
            after,
            at_last,
        }
    }
}

/// An operation that has met its fault.
struct Trial {
    operation: Operation,
    fault: Fault,
    met: Met,
    outcome: Result<(), Error>,
    /// How far the upload had come that the operation is about.
    had: Option<u64>,
}

/// Runs the operation, whose `nth` change meets the fault. Whether there was one.
pub(crate) async fn meet(
    operation: Operation,
    fault: Fault,
    nth: u64,
    lab: &mut Lab,
    expected: &Expected,
) -> bool {
    lab.reset();
    operation.prepare(lab).await;
    let had = operation::offset(operation, lab).await;
    lab.injector.arm(fault, nth);
    let outcome = in_time(operation.run(lab)).await;
    // What a dropped upload still has to save is part of the operation.
    until_closed(&lab.root()).await;
    let Some(met) = lab.injector.disarm() else {
        outcome.expect("nothing failed");
        return false;
    };
    let trial = Trial {
        operation,
        fault,
        met,
        outcome,
        had,
    };
    trial.is_told();
    if lab.is_open() {
        trial.nothing_is_lost(lab, expected).await;
    }
    trial.recovers(lab, expected).await;
    true
}

impl Trial {
    /// The error is of the kind that the fault is, or there is none.
    fn is_told(&self) {
        let errno = self.fault.errno();
        let is_right = match &self.outcome {
            // What failed was not needed, such as taking leavings away at once.
            Ok(()) => true,
            Err(Error::Full { .. }) => errno == Some(Errno::NOSPC),
            Err(Error::ReadOnly { .. }) => errno == Some(Errno::IO),
            Err(Error::Io { source, .. }) => {
                let told = source.raw_os_error();
                errno != Some(Errno::NOSPC) && told == errno.map(Errno::raw_os_error)
            }
            // An index that cannot be made is made later.
            Err(Error::IndexNotReady) => errno == Some(Errno::MFILE),
            Err(_) => false,
        };
        assert!(is_right, "{self}: {:?}", self.outcome);
    }

    /// Each thing is as it was before or as it is after, and nothing is left over.
    async fn nothing_is_lost(&self, lab: &Lab, expected: &Expected) {
        let store = lab.store();
        assert_eq!(store.read_only().is_some(), self.is_in_doubt(), "{self}");
        let found = facts(store, &lab.root()).await;
        let wrong = in_between(&found, &expected.before, &expected.after);
        assert_eq!(wrong, NONE, "{self}");
        if self.outcome.is_ok() {
            assert_eq!(found, expected.after, "{self}");
        }
        if store.read_only().is_none() {
            let left = files_below(&lab.root().join("tmp"));
            assert_eq!(left, NONE, "{self}");
        }
    }

    /// Whether nobody can say any more what is on the disk of the store.
    fn is_in_doubt(&self) -> bool {
        let in_doubt = match self.fault {
            Fault::BadDisk => true,
            Fault::FullDisk => self.met.is_dir_sync,
            Fault::NoDescriptor | Fault::NoDescriptors | Fault::ShortWrite => false,
        };
        in_doubt && !self.operation.writes_elsewhere()
    }

    /// The operation succeeds when it is asked for again: on the same store if that can be written to,
    /// otherwise after a restart.
    async fn recovers(&self, lab: &mut Lab, expected: &Expected) {
        if !lab.is_open() || lab.store().read_only().is_some() {
            lab.close();
            until_closed(&lab.root()).await;
            if !self.operation.opens() {
                in_time(lab.open()).await.expect("opens");
            }
        }
        self.upload_is_there(lab).await;
        let again = in_time(self.operation.run_again(lab)).await;
        again.unwrap_or_else(|error| panic!("{self}; again: {error:?}"));
        let found = facts(lab.store(), &lab.root()).await;
        assert_eq!(found, expected.after, "{self}; again");
        settle(self.operation, lab, &self.to_string()).await;
        let found = facts(lab.store(), &lab.root()).await;
        assert_eq!(found, expected.at_last, "{self}; at last");
    }

    /// The upload that the operation adds a byte to has all that it had, and the byte if that was
    /// acknowledged. A full disk takes it away, so that its room is free again.
    async fn upload_is_there(&self, lab: &Lab) {
        let has = operation::offset(self.operation, lab).await;
        let (had, next) = (self.had, self.had.map(|had| had + 1));
        let is_right = match &self.outcome {
            Ok(()) => has == next,
            Err(Error::Full { .. }) => has.is_none() || has == had || has == next,
            Err(_) => has == had || has == next,
        };
        assert!(is_right, "{self}: {has:?} of {had:?}");
    }
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (operation, fault) = (self.operation, self.fault);
        write!(f, "{operation:?} meets {fault:?} at: {}", self.met.change)
    }
}

/// Waits until nothing of the store is open but what always is.
async fn until_closed(root: &Path) {
    if descriptor::are_forbidden() {
        return;
    }
    in_time(async {
        while !descriptor::open_below(root).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Days go by, and collection: nothing is left over, and everything left is whole.
async fn settle(operation: Operation, lab: &mut Lab, what: &str) {
    until_closed(&lab.root()).await;
    if operation.writes_elsewhere() {
        let copy = Store::open(Config::new(lab.copy())).await.expect("opens");
        let (copied, original) = (
            facts(&copy, &lab.copy()).await,
            facts(lab.store(), &lab.root()).await,
        );
        assert_eq!(copied, original, "{what}; the copy");
    }
    for _ in 0..2 {
        lab.pass_days(3);
        let collection = lab.store().collect(false, Arc::default(), |_| {});
        let collected = in_time(collection).await;
        collected.unwrap_or_else(|error| panic!("{what}; collecting: {error:?}"));
    }
    let has_fetched = lab.root().join("fetches").exists();
    let fetches = has_fetched.then_some("fetches");
    for folder in ["tmp", "uploads", "trash"].into_iter().chain(fetches) {
        let left = files_below(&lab.root().join(folder));
        assert_eq!(left, NONE, "{what}; at last");
    }
    let scrub = lab
        .store()
        .scrub(ScrubOptions::default(), Arc::default(), |_| {});
    let scrubbed = in_time(scrub).await;
    let scrubbed = scrubbed.unwrap_or_else(|error| panic!("{what}; scrubbing: {error:?}"));
    assert_eq!(scrubbed.defects, [], "{what}; at last");
    assert!(lab.store().read_only().is_none(), "{what}; at last");
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work)
        .await
        .expect("nobody holds what is waited for")
}
