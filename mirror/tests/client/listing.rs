//! Listings: whole, however they are cut into pages, and from the upstream's own host alone.

use harness::upstream::{Referrers, Subject, Tokens};
use harness::{Fault, Image, Reply, Upstream};
use roadstead_mirror::{Error, Patience};
use serde_json::json;

use crate::lab::{by, client, image, known, repo, tag, told};

fn texts<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn all_pages_of_tags_are_read() {
    let upstream = Upstream::with().page(2).start();
    for name in ["d", "a", "c", "b", "e"] {
        upstream.put("a/b", name, &image(name));
    }
    let client = client(&upstream);
    let tags = client.tags(&repo(), Patience::Request).await.unwrap();
    assert_eq!(texts(&tags), ["a", "b", "c", "d", "e"]);
    assert_eq!(upstream.asked().len(), 3);
}

#[tokio::test]
async fn a_repository_may_have_no_tags() {
    let upstream = Upstream::start();
    for tags in [
        json!({ "name": "a/b", "tags": null }),
        json!({ "name": "a/b", "tags": [] }),
    ] {
        upstream.always(Fault::Instead(Reply::json(200, &tags)));
        let tags = client(&upstream).tags(&repo(), Patience::Request).await;
        assert!(tags.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_no_tag_is_left_out() {
    let upstream = Upstream::start();
    let names = ["good", "../bad", "", "sha256:0", "b\r\nx: y", "good"];
    let tags = json!({ "name": "a/b", "tags": names, "manifest": {} });
    upstream.always(Fault::Instead(Reply::json(200, &tags)));
    let tags = client(&upstream).tags(&repo(), Patience::Request).await;
    assert_eq!(texts(&tags.unwrap()), ["good"]);
}

#[tokio::test]
async fn a_link_to_a_foreign_host_is_asked_at_home() {
    let (upstream, foreign) = (Upstream::start(), Upstream::start());
    for name in ["a", "b"] {
        upstream.put("a/b", name, &image(name));
    }
    let link = format!(
        "<{}/v2/a/b/tags/list?n=1&last=a>; rel=\"next\"",
        foreign.url()
    );
    upstream.when(move |asked| {
        let is_first = asked.query("last").is_none();
        is_first.then(|| Fault::Set("link", link.clone()))
    });
    let tags = client(&upstream).tags(&repo(), Patience::Request).await;
    assert_eq!(texts(&tags.unwrap()), ["a", "b"]);
    assert_eq!((upstream.asked().len(), foreign.connections()), (2, 0));
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_end() {
    let upstream = Upstream::start();
    upstream.put("a/b", "a", &image("a"));
    upstream.when(|asked| {
        let next = if asked.target.ends_with("last=x") {
            "y"
        } else {
            "x"
        };
        [Fault::Set(
            "link",
            format!("</v2/a/b/tags/list?last={next}>; rel=\"next\""),
        )]
    });
    let failed = client(&upstream).tags(&repo(), Patience::Request).await;
    let error = failed.unwrap_err();
    assert!(told(&error).ends_with("in a circle"), "{}", told(&error));
    assert!(upstream.asked().len() <= 4);
}

#[tokio::test]
async fn a_list_that_is_none_is_refused() {
    let upstream = Upstream::start();
    upstream.put("a/b", "a", &image("a"));
    for body in ["", "[]", "{\"tags\":7}", "<html>"] {
        upstream.always(Fault::Instead(Reply::new(200).body(body)));
        let failed = client(&upstream).tags(&repo(), Patience::Request).await;
        let error = failed.unwrap_err();
        assert!(
            matches!(error, Error::Malformed { .. }),
            "{body}: {error:?}"
        );
    }
}

#[tokio::test]
async fn repositories_are_listed_with_a_login_for_that() {
    let tokens = Tokens::with().open().build();
    let upstream = Upstream::with().bearer(&tokens).page(1).start();
    for name in ["b/c", "a"] {
        upstream.put(name, "latest", &image(name));
    }
    let client = client(&upstream);
    let names = client.repositories(Patience::Request).await.unwrap();
    assert_eq!(texts(&names), ["a", "b/c"]);
    assert_eq!(tokens.given(), 1);
    upstream.always(Fault::status(404));
    let missing = client.repositories(Patience::Request).await;
    assert!(missing.unwrap_err().is_not_found());
}

#[tokio::test]
async fn referrers_are_found_by_the_api_and_by_their_tag() {
    for referrers in [Referrers::Api, Referrers::Tag] {
        let upstream = Upstream::with().referrers(referrers).start();
        let subject = image("one");
        let referrer = Image::referrer(&subject.manifest, "application/x.sbom", "text");
        upstream.put("a/b", "latest", &subject);
        upstream.put("a/b", referrer.digest().as_str(), &referrer);
        let client = client(&upstream);
        let digest = known(&subject.digest());
        let listed = client.referrers(&repo(), digest, Patience::Request).await;
        let listed: Vec<_> = listed.unwrap().iter().map(|found| found.digest).collect();
        assert_eq!(listed, [known(&referrer.digest())], "{referrers:?}");
    }
}

#[tokio::test]
async fn nothing_refers_where_nobody_knows_of_referrers() {
    let upstream = Upstream::with().referrers(Referrers::None).start();
    let subject = image("one");
    upstream.put("a/b", "latest", &subject);
    let client = client(&upstream);
    let digest = known(&subject.digest());
    for status in [400, 403, 404, 405, 406, 501] {
        upstream.when(move |asked| {
            let is_it = matches!(asked.subject(), Subject::Referrers(..));
            is_it.then(|| Fault::status(status))
        });
        let listed = client.referrers(&repo(), digest, Patience::Request).await;
        assert!(listed.unwrap().is_empty(), "{status}");
    }
}

#[tokio::test]
async fn somebody_elses_tag_is_no_list_of_referrers() {
    let upstream = Upstream::with().referrers(Referrers::None).start();
    let subject = image("one");
    let digest = known(&subject.digest());
    upstream.put("a/b", &format!("sha256-{}", digest.hex()), &image("two"));
    let client = client(&upstream);
    let listed = client.referrers(&repo(), digest, Patience::Request).await;
    assert!(listed.unwrap().is_empty());
    // The name is a tag all the same.
    let name = tag(&format!("sha256-{}", digest.hex()));
    by(&client, &name).await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_fails_does_not_say_that_nothing_refers() {
    let upstream = Upstream::start();
    upstream.always(Fault::status(503));
    let digest = known(&image("one").digest());
    let client = client(&upstream);
    let failed = client.referrers(&repo(), digest, Patience::Request).await;
    assert!(failed.unwrap_err().is_outage());
}
