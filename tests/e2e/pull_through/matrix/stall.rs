//! An upstream that says nothing for a while, or little at a time.

use std::thread;
use std::time::Duration;

use harness::{At, Fault, Gate, eventually};

use super::lab::{Lab, TAGGED};
use super::{HARMLESS, Tag, check};

#[test]
fn a_body_that_comes_drop_by_drop() {
    check(Fault::Drip(4096, Duration::from_millis(5)), HARMLESS);
}

/// Who asks for what is not held waits until the upstream goes on, and nobody else does.
#[track_caller]
fn check_waiting(fault: Fault, tag: Tag, go_on: impl FnOnce()) {
    let lab = Lab::open();
    lab.upstream.always(fault);
    let client = lab.client();
    let blob = lab.blob();
    thread::scope(|scope| {
        let blob = scope.spawn(|| client.get(&*blob).expect(200));
        let manifest = scope.spawn(|| client.get(TAGGED).expect(200));
        for kind in ["/blobs/", "/manifests/tagged"] {
            eventually("it is asked for", || {
                lab.upstream.count(|asked| asked.path().contains(kind)) > 0
            });
        }
        lab.check_held(tag);
        go_on();
        let blob = blob.join().expect("it comes");
        assert!(blob.body == lab.layer());
        let manifest = manifest.join().expect("it comes");
        assert_eq!(manifest.body, lab.manifest());
    });
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn an_answer_that_takes_four_seconds() {
    let delay = Duration::from_secs(4);
    check_waiting(Fault::Delay(delay), Tag::Stale, || {});
}

#[test]
fn an_upstream_that_takes_a_request_and_says_nothing() {
    let gate = Gate::new();
    let stall = Fault::Hold(At::Start, gate.clone());
    check_waiting(stall, Tag::Stale, || gate.open());
}

#[test]
fn an_upstream_that_says_nothing_more_in_the_midst_of_a_body() {
    let gate = Gate::new();
    let stall = Fault::Hold(At::Byte(100), gate.clone());
    check_waiting(stall, Tag::Fresh, || gate.open());
}
