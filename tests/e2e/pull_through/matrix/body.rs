//! Bodies that are not what was asked for.

use harness::{At, Fault, Reply};

use super::lab::Lab;
use super::{CONFIRMED, CONTINUED, HARMLESS, NOTHING, check};

#[test]
fn a_body_that_ends_early() {
    let lab = Lab::open();
    lab.break_off(|at| vec![Fault::Cut(at)]);
    lab.check(CONTINUED);
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn a_body_without_a_length_that_ends_early() {
    let lab = Lab::open();
    lab.break_off(|at| vec![Fault::Chunked, Fault::Cut(at)]);
    lab.check(CONTINUED);
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn a_body_that_is_too_short_and_says_so() {
    check(Fault::Instead(Reply::new(200).body("{}")), NOTHING);
}

#[test]
fn a_body_that_is_too_long_and_says_so() {
    check(Fault::Appended(5), CONFIRMED);
}

#[test]
fn a_body_that_is_longer_than_it_says() {
    check(Fault::Trailing(5), HARMLESS);
}

#[test]
fn a_body_without_an_end() {
    check(Fault::EndlessBody, CONFIRMED);
}

#[test]
fn a_body_without_a_length() {
    check(Fault::Chunked, HARMLESS);
}

#[test]
fn a_body_of_another_digest() {
    check(Fault::Flipped(100), CONFIRMED);
}

#[test]
fn a_whole_body_where_a_part_was_asked_for() {
    let lab = Lab::open();
    lab.upstream.when(|asked| {
        let is_first = asked.path().contains("/blobs/") && asked.header("range").is_none();
        if is_first {
            [Fault::Reset(At::Byte(150_000))]
        } else {
            [Fault::IgnoredRange]
        }
    });
    lab.check(HARMLESS);
    assert!(lab.upstream.count(|asked| asked.header("range").is_some()) > 0);
    lab.upstream.behave();
    lab.heals();
}
