//! Headers that are missing, of no use, or without an end; lists that are none.

use harness::{Fault, Reply, Upstream};
use serde_json::json;

use super::lab::Lab;
use super::{HARMLESS, NOTHING, check};

#[test]
fn a_digest_that_is_not_said() {
    check(Fault::Without("docker-content-digest"), HARMLESS);
}

#[test]
fn a_digest_that_is_none() {
    let nonsense = "sha256:nonsense".to_owned();
    check(Fault::Set("docker-content-digest", nonsense), HARMLESS);
}

#[test]
fn a_digest_that_is_a_lie() {
    let lie = format!("sha256:{}", "0".repeat(64));
    check(Fault::Set("docker-content-digest", lie), HARMLESS);
}

#[test]
fn a_manifest_that_is_plain_text() {
    let plain = "text/plain; charset=utf-8".to_owned();
    check(Fault::Set("content-type", plain), HARMLESS);
}

#[test]
fn a_manifest_of_no_type() {
    check(Fault::Without("content-type"), HARMLESS);
}

#[test]
fn a_header_without_an_end() {
    check(Fault::EndlessHeader, NOTHING);
}

#[test]
fn tags_that_are_null() {
    let lab = Lab::open();
    lab.upstream.when(|asked| {
        let is_list = asked.path().ends_with("/tags/list");
        let none = json!({ "name": "a/b", "tags": null });
        is_list.then(|| Fault::Instead(Reply::json(200, &none)))
    });
    lab.check(HARMLESS);
    assert!(lab.client().tags("up.example/a/b").contains(&"held".into()));
    lab.upstream.behave();
    lab.heals();
}

#[test]
fn a_link_to_a_foreign_host() {
    let (lab, foreign) = (Lab::open(), Upstream::start());
    let link = format!("<{}/v2/a/b/tags/list?n=1>; rel=\"next\"", foreign.url());
    lab.upstream.always(Fault::Set("link", link));
    lab.check(HARMLESS);
    assert!(lab.client().tags("up.example/a/b").contains(&"held".into()));
    assert_eq!(foreign.connections(), 0);
    lab.upstream.behave();
    lab.heals();
}
