//! A fault at every change of every operation: the answer says what happened, nothing leaks, nothing
//! acknowledged is lost, and all is well again without the fault.
//!
//! Each operation is run again and again from the same files, and its first, second, third ... change of
//! the disk meets the fault, until it comes to its end without meeting one. A bad disk must leave the store
//! read-only; all else must not, but for a directory that could not be synced.

#[path = "../common/mod.rs"]
mod common;
mod descriptor;
mod facts;
mod fault;
mod lab;
mod operation;
mod trial;

use fault::Fault;
use lab::Lab;
use operation::Operation;
use trial::{Expected, meet};

/// Lets each change of each operation meet the fault. How many did.
async fn sweep(fault: Fault) -> u64 {
    let mut injected = 0;
    for operation in Operation::ALL {
        let mut lab = Lab::new(operation.scene()).await;
        let expected = Expected::of(operation, &mut lab).await;
        let mut nth = 1;
        while meet(operation, fault, nth, &mut lab, &expected).await {
            nth += 1;
        }
        injected += nth - 1;
    }
    injected
}

#[expect(clippy::print_stdout, reason = "the figure is quoted in the README")]
fn run(fault: Fault) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let injected = runtime.block_on(sweep(fault));
    println!("{fault:?}: {injected} faults injected");
    assert!(injected > 40, "{injected}");
}

#[test]
fn a_bad_disk_at_any_change_makes_the_store_read_only_and_loses_nothing() {
    let _beside = descriptor::beside_others();
    run(Fault::BadDisk);
}

#[test]
fn a_full_disk_at_any_change_fails_the_operation_and_nothing_else() {
    let _beside = descriptor::beside_others();
    run(Fault::FullDisk);
}

#[test]
fn a_short_write_is_gone_on_with() {
    let _beside = descriptor::beside_others();
    run(Fault::ShortWrite);
}

#[test]
fn no_descriptor_at_any_moment_fails_the_operation_and_nothing_else() {
    let _alone = descriptor::alone();
    run(Fault::NoDescriptor);
}

#[test]
fn no_descriptors_from_any_moment_on_fail_the_operation_and_nothing_else() {
    let _alone = descriptor::alone();
    run(Fault::NoDescriptors);
}
