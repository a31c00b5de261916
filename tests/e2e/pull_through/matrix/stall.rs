//! An upstream that says nothing for a while, or little at a time.

use std::thread;
use std::time::Duration;

use harness::{At, Fault, Gate, eventually};

use super::lab::{Lab, TAGGED};
use super::{Expected, HARMLESS, Tag, check};

#[test]
fn an_answer_that_takes_longer_than_anybody_waits_who_could_have_what_is_held() {
    let lab = Lab::open();
    lab.upstream.when(|asked| {
        let is_held = asked.path().ends_with("/held");
        let delay = Duration::from_millis(if is_held { 4000 } else { 300 });
        [Fault::Delay(delay)]
    });
    lab.check(Expected {
        tag: Tag::Stale,
        ..HARMLESS
    });
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn a_body_that_comes_drop_by_drop() {
    check(Fault::Drip(4096, Duration::from_millis(5)), HARMLESS);
}

/// Nothing comes from there on until the gate opens: who asked waits, and nobody else.
#[track_caller]
fn check_stalled(at: At, tag: Tag) {
    let lab = Lab::open();
    let gate = Gate::new();
    lab.upstream.always(Fault::Hold(at, gate.clone()));
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
        gate.open();
        let blob = blob.join().expect("it comes");
        assert!(blob.body == lab.layer());
        let manifest = manifest.join().expect("it comes");
        assert_eq!(manifest.body, lab.manifest());
    });
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn an_upstream_that_takes_a_request_and_says_nothing() {
    check_stalled(At::Start, Tag::Stale);
}

#[test]
fn an_upstream_that_says_nothing_more_in_the_midst_of_a_body() {
    check_stalled(At::Byte(100), Tag::Fresh);
}
