//! Referrers (end-12): what points at a manifest, found by it.

use std::collections::BTreeMap;

use harness::{Client, Digest, Format, Image, Manifest, Registry, index_of, media_type};
use serde_json::{Value, json};

/// What an answer lists, by digest.
fn listed(client: &Client, subject: &Digest, query: &str) -> BTreeMap<String, Value> {
    let answer = client
        .get(format!("/v2/a/b/referrers/{subject}{query}"))
        .expect(200)
        .has("content-type", media_type::OCI_INDEX);
    let index = answer.json();
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], media_type::OCI_INDEX);
    let entries = index["manifests"]
        .as_array()
        .expect("a list, never null")
        .iter();
    entries
        .map(|entry| {
            (
                entry["digest"].as_str().expect("a digest").to_owned(),
                entry.clone(),
            )
        })
        .collect()
}

#[test]
fn a_referrer_is_listed_as_its_manifest_describes_it() {
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    subject.push(&client, "a/b", "1");
    let note = Image::referrer(&subject.manifest, "text/x-note", "a note");
    note.push(&client, "a/b", note.digest().as_str());
    // Without an `artifactType` that of the configuration counts; an index has none.
    let mut plain = Image::new(Format::Oci, "plain");
    plain.manifest = plain
        .manifest
        .with("subject", subject.manifest.descriptor());
    plain.push(&client, "a/b", "plain");
    let index = index_of(Format::Oci, &[]).with("subject", subject.manifest.descriptor());
    index.put(&client, "a/b", "index").expect(201);

    let listed = listed(&client, &subject.digest(), "");

    let described = |manifest: &Manifest| listed[manifest.digest().as_str()].clone();
    let mut expected = note.manifest.descriptor();
    expected["artifactType"] = json!("text/x-note");
    expected["annotations"] = json!({ "org.example.text": "a note" });
    assert_eq!(described(&note.manifest), expected);
    let mut expected = plain.manifest.descriptor();
    expected["artifactType"] = json!(media_type::OCI_CONFIG);
    assert_eq!(described(&plain.manifest), expected);
    assert_eq!(described(&index), index.descriptor());
    assert_eq!(listed.len(), 3);
    registry.finish().no_uploads();
}

#[test]
fn a_list_of_referrers_is_filtered_by_type() {
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    subject.push(&client, "a/b", "1");
    for kind in ["text/a", "text/b", "application/vnd.c+json"] {
        let referrer = Image::referrer(&subject.manifest, kind, kind);
        referrer.push(&client, "a/b", referrer.digest().as_str());
    }
    let check = |query: &str, expected: usize| {
        let path = format!("/v2/a/b/referrers/{}{query}", subject.digest());
        client
            .get(path)
            .expect(200)
            .has("oci-filters-applied", "artifactType");
        assert_eq!(
            listed(&client, &subject.digest(), query).len(),
            expected,
            "{query}"
        );
    };

    check("?artifactType=text/a", 1);
    check("?artifactType=text%2Fa", 1);
    check("?artifactType=application%2Fvnd.c%2Bjson", 1);
    check("?artifactType=text/a&artifactType=text/b", 2);
    check("?artifactType=text/none", 0);
    check("?artifactType=text/", 0);
    let all = client
        .get(format!("/v2/a/b/referrers/{}", subject.digest()))
        .expect(200);
    assert_eq!(
        all.lacks("oci-filters-applied").json()["manifests"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    registry.finish();
}

/// 404 would say that there is no such API, and clients would fall back to tags.
#[test]
fn nothing_refers_to_what_is_unknown() {
    let registry = Registry::open();
    let client = registry.plain();
    let unknown = Digest::of(b"unknown");

    assert!(listed(&client, &unknown, "").is_empty());
    client.push_blob("a/b", &"bytes".into());
    assert!(listed(&client, &unknown, "").is_empty());
    assert!(listed(&client, &Digest::sha512(b"unknown"), "?artifactType=a/b").is_empty());
    for malformed in crate::blobs::malformed_digests() {
        client
            .get(format!("/v2/a/b/referrers/{malformed}"))
            .refused(400, "DIGEST_INVALID");
    }
    registry.finish();
}

#[test]
fn referrers_may_come_before_their_subject_and_in_any_algorithm() {
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "late");
    let early = Image::referrer(&subject.manifest, "text/x", "early");
    early.push(&client, "a/b", early.digest().as_str());
    let mut long = subject.manifest.descriptor();
    long["digest"] = json!(subject.manifest.sha512().as_str());
    let mut other = Image::referrer(&subject.manifest, "text/x", "by sha512");
    other.manifest = other.manifest.with("subject", long);
    other.push(&client, "a/b", other.manifest.sha512().as_str());

    subject.push(&client, "a/b", "1");

    let of_short = listed(&client, &subject.digest(), "");
    assert_eq!(
        of_short.into_keys().collect::<Vec<_>>(),
        [early.digest().as_str()]
    );
    // The subject is matched as it is written.
    let of_long = listed(&client, &subject.manifest.sha512(), "");
    assert_eq!(
        of_long.into_keys().collect::<Vec<_>>(),
        [other.manifest.sha512().as_str()]
    );
    registry.finish();
}

#[test]
fn a_deleted_referrer_is_gone_from_the_list_at_once_and_outlives_its_subject() {
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    subject.push(&client, "a/b", "1");
    let notes = ["one", "two"].map(|text| Image::referrer(&subject.manifest, "text/x", text));
    for note in &notes {
        note.push(&client, "a/b", note.digest().as_str());
    }

    client
        .delete(format!("/v2/a/b/manifests/{}", notes[0].digest()))
        .expect(202);
    let left = listed(&client, &subject.digest(), "");
    assert_eq!(
        left.into_keys().collect::<Vec<_>>(),
        [notes[1].digest().as_str()]
    );

    client
        .delete(format!("/v2/a/b/manifests/{}", subject.digest()))
        .expect(202);
    assert_eq!(listed(&client, &subject.digest(), "").len(), 1);
    client
        .manifest("a/b", notes[1].digest().as_str())
        .expect(200);
    registry.finish();
}

#[test]
fn referrers_belong_to_their_repository() {
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    let note = Image::referrer(&subject.manifest, "text/x", "elsewhere");

    note.push(&client, "c/d", note.digest().as_str());

    assert!(listed(&client, &subject.digest(), "").is_empty());
    assert_eq!(client.referrers("c/d", &subject.digest()).len(), 1);
    registry.finish();
}

/// Clients read no more than 4 MiB of an index, and the first page is the one that all read.
#[test]
fn referrers_beyond_four_mebibytes_come_page_by_page() {
    const PAGE: usize = 4 * 1024 * 1024;
    let registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    let long = "x".repeat(1_500_000);
    let mut pushed = Vec::new();
    for number in 0..5 {
        let annotations = json!({ "number": number.to_string(), "long": long });
        let mut note = Image::referrer(&subject.manifest, "text/x", "note");
        note.manifest = note.manifest.with("annotations", annotations);
        note.push(&client, "a/b", note.digest().as_str());
        pushed.push(note.digest().to_string());
    }

    let mut found = Vec::new();
    let mut next = Some(format!(
        "/v2/a/b/referrers/{}?artifactType=text/x",
        subject.digest()
    ));
    while let Some(path) = next {
        let page = client
            .get(path)
            .expect(200)
            .has("content-type", media_type::OCI_INDEX);
        assert!(page.body.len() <= PAGE, "{} bytes", page.body.len());
        let index = page.json();
        let entries = index["manifests"].as_array().expect("a list");
        found.extend(
            entries
                .iter()
                .map(|entry| entry["digest"].as_str().unwrap().to_owned()),
        );
        next = page.header("link").map(|link| {
            let link = link
                .strip_prefix('<')
                .and_then(|link| link.strip_suffix(">; rel=\"next\""));
            link.expect("a Link to the next page").to_owned()
        });
    }
    pushed.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, pushed);
    registry.finish();
}
