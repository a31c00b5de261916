//! Redirects: to nowhere, round and round, and to where blobs really lie.

use harness::{Fault, Upstream};
use serde_json::json;

use super::lab::Lab;
use super::{HARMLESS, NOTHING, check};

#[test]
fn a_redirect_to_itself() {
    check(Fault::redirect("/v2/a/b/manifests/held"), NOTHING);
}

#[test]
fn a_redirect_to_nowhere() {
    check(Fault::redirect("http://"), NOTHING);
}

#[test]
fn a_redirect_that_is_none() {
    check(Fault::status(307), NOTHING);
}

#[test]
fn a_signed_place_that_takes_no_login() {
    let store = Upstream::start();
    // As S3 does.
    store.when(|asked| {
        let is_good = asked.header("authorization").is_none() && asked.query("sig").is_some();
        (!is_good).then(|| Fault::status(400))
    });
    let port = store.address().port();
    let more = format!(
        "auth_file = \"{{auth}}\"\nanonymous_fill = true\nredirect_hosts = [\"127.0.0.1:{port}\"]"
    );
    let auth = json!({ "auths": { "{upstream}": { "username": "ann", "password": "secret" } } });
    let upstream = Upstream::with().basic("ann", "secret");
    let lab = Lab::before(upstream, &[("auth", &auth.to_string())], &more);
    store.put_blob("a/b", lab.layer());
    let url = store.url();
    lab.upstream.when(move |asked| {
        let leads = asked.path().contains("/blobs/") && asked.header("authorization").is_some();
        leads.then(|| Fault::redirect(format!("{url}{}?sig=5ecret", asked.path())))
    });
    lab.check(HARMLESS);
    assert!(store.count(|asked| asked.header("authorization").is_some()) == 0);
    assert!(!store.asked().is_empty());
    assert!(!lab.registry.log().contains("5ecret"));
    lab.upstream.behave();
    lab.heals();
}
