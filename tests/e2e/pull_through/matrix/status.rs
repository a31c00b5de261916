//! Answers that refuse.

use harness::{Fault, Reply};

use super::lab::Lab;
use super::{NOTHING, check};

#[test]
fn a_failure_inside() {
    check(Fault::status(500), NOTHING);
}

#[test]
fn a_bad_gateway() {
    check(Fault::status(502), NOTHING);
}

#[test]
fn no_service_for_now() {
    check(Fault::status(503), NOTHING);
}

#[test]
fn a_gateway_that_waits_in_vain() {
    check(Fault::status(504), NOTHING);
}

#[test]
fn a_login_that_nobody_explains() {
    check(Fault::status(401), NOTHING);
}

#[test]
fn a_refusal() {
    check(Fault::status(403), NOTHING);
}

#[test]
fn a_login_that_never_succeeds() {
    let lab = Lab::open();
    let realm = format!("{}/token", lab.upstream.url());
    let before = lab.upstream.asked().len();
    lab.upstream.when(move |asked| {
        let answer = if asked.path() == "/token" {
            Reply::json(200, &serde_json::json!({ "token": "of no use" }))
        } else {
            let challenge = format!("Bearer realm=\"{realm}\",service=\"a test\"");
            Reply::refusal(401, "UNAUTHORIZED").header("www-authenticate", challenge)
        };
        [Fault::Instead(answer)]
    });
    lab.check(NOTHING);
    let asked = lab.upstream.asked().len() - before;
    assert!(asked < 100, "asked {asked} times");
    lab.upstream.behave();
    lab.heals();
}

/// An upstream that has had enough is left alone, and asked again after the pause.
#[track_caller]
fn check_pause(refusal: Reply, waits: bool) {
    let mut lab = Lab::open();
    let before = lab.upstream.asked().len();
    lab.upstream.always(Fault::Instead(refusal));
    lab.check(NOTHING);
    let asked = lab.upstream.asked().len() - before;
    assert!(asked < 10, "asked {asked} times in a pause");
    lab.upstream.behave();
    if !waits {
        // The pause is longer than a test.
        lab.registry.restart();
    }
    lab.heals();
}

#[test]
fn too_many_requests_for_a_second() {
    check_pause(Reply::new(429).header("retry-after", "2"), true);
}

#[test]
fn too_many_requests_for_an_hour() {
    check_pause(Reply::new(429).header("retry-after", "3600"), false);
}

#[test]
fn too_many_requests_and_no_word_on_how_long() {
    check_pause(Reply::new(429), false);
}
