//! Tags of a repository (end-8) and the catalog: sorted, in pages, complete.

use harness::{Client, Format, Image, Registry, Response};
use serde_json::json;

/// The `Link` of a page, resolved: relative to the registry, and only ever to the next page.
#[track_caller]
fn next(answer: &Response) -> String {
    let link = answer.must("link");
    let path = link
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    let path = path.unwrap_or_else(|| panic!("an unexpected Link: {link}"));
    assert!(path.starts_with("/v2/"), "{link}");
    path.to_owned()
}

fn tags_of(answer: &Response) -> Vec<String> {
    serde_json::from_value(answer.json()["tags"].clone()).expect("a list of tags")
}

fn tagged(client: &Client, repository: &str, tags: &[&str]) {
    let image = Image::new(Format::Oci, "tagged");
    image.push_blobs(client, repository);
    for tag in tags {
        image.manifest.put(client, repository, tag).expect(201);
    }
}

#[test]
fn tags_are_listed_in_the_order_of_their_bytes() {
    let registry = Registry::open();
    let client = registry.plain();
    tagged(
        &client,
        "a/b",
        &[
            "b",
            "a",
            "C",
            "_",
            "10",
            "9",
            "a.1",
            "a-1",
            "sha256-abc.sig",
        ],
    );

    let answer = client.get("/v2/a/b/tags/list").expect(200).lacks("link");

    answer.clone().has("content-type", "application/json");
    let expected = [
        "10",
        "9",
        "C",
        "_",
        "a",
        "a-1",
        "a.1",
        "b",
        "sha256-abc.sig",
    ];
    assert_eq!(answer.json(), json!({ "name": "a/b", "tags": expected }));
    registry.finish();
}

#[test]
fn pages_of_tags_lead_to_each_other() {
    let registry = Registry::open();
    let client = registry.plain();
    tagged(&client, "a/b", &["a", "b", "c", "d", "e"]);

    let first = client.get("/v2/a/b/tags/list?n=2").expect(200);
    assert_eq!(tags_of(&first), ["a", "b"]);
    let second = client.get(next(&first)).expect(200);
    assert_eq!(tags_of(&second), ["c", "d"]);
    let last = client.get(next(&second)).expect(200).lacks("link");
    assert_eq!(tags_of(&last), ["e"]);
    // A page that ends with the last tag is the last page.
    client
        .get("/v2/a/b/tags/list?n=5")
        .expect(200)
        .lacks("link");
    registry.finish();
}

#[test]
fn a_page_begins_after_the_tag_it_names_even_if_there_is_none() {
    let registry = Registry::open();
    let client = registry.plain();
    tagged(&client, "a/b", &["a", "b", "c"]);
    let check = |query: &str, expected: &[&str]| {
        let answer = client.get(format!("/v2/a/b/tags/list?{query}")).expect(200);
        assert_eq!(tags_of(&answer), expected, "{query}");
    };

    check("last=a", &["b", "c"]);
    check("last=aa", &["b", "c"]);
    check("last=c", &[]);
    check("last=zzz", &[]);
    check("last=", &["a", "b", "c"]);
    check("last=A&n=1", &["a"]);
    check("last=%00%2F..%C3%A9", &["a", "b", "c"]);
    check("n=1000000", &["a", "b", "c"]);
    check("n=99999999999999999999999999", &["a", "b", "c"]);
    registry.finish();
}

#[test]
fn a_page_of_nothing_is_empty_and_leads_nowhere() {
    let registry = Registry::open();
    let client = registry.plain();
    tagged(&client, "a/b", &["a"]);

    let answer = client
        .get("/v2/a/b/tags/list?n=0")
        .expect(200)
        .lacks("link");
    assert_eq!(answer.json(), json!({ "name": "a/b", "tags": [] }));
    let answer = client.get("/v2/_catalog?n=0").expect(200).lacks("link");
    assert_eq!(answer.json(), json!({ "repositories": [] }));
    registry.finish();
}

#[test]
fn a_page_size_that_is_no_number_is_refused() {
    let registry = Registry::open();
    let client = registry.plain();
    tagged(&client, "a/b", &["a"]);

    for n in ["-1", "x", "1.5", "", "0x10", "+1", "1%00"] {
        client
            .get(format!("/v2/a/b/tags/list?n={n}"))
            .expect(400)
            .error_code();
        client
            .get(format!("/v2/_catalog?n={n}"))
            .expect(400)
            .error_code();
    }
    registry.finish();
}

#[test]
fn a_repository_without_tags_has_an_empty_list_and_one_that_is_none_has_no_list() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "untagged");
    image.push(&client, "a/b", image.digest().as_str());

    let answer = client.get("/v2/a/b/tags/list").expect(200);
    assert_eq!(answer.json(), json!({ "name": "a/b", "tags": [] }));
    for unknown in ["a", "a/b/c", "nowhere"] {
        client
            .get(format!("/v2/{unknown}/tags/list"))
            .refused(404, "NAME_UNKNOWN");
    }
    registry.finish();
}

#[test]
fn the_catalog_lists_every_repository_once_in_pages() {
    let registry = Registry::open();
    let client = registry.plain();
    assert_eq!(
        client.get("/v2/_catalog").expect(200).json(),
        json!({ "repositories": [] })
    );
    let names = [
        "a",
        "a-b",
        "a/b",
        "a/b/c",
        "a/blobs/b",
        "b/manifests",
        "tags/list",
    ];
    for name in names {
        tagged(&client, name, &["1"]);
    }

    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let whole = client.get("/v2/_catalog").expect(200).lacks("link");
    assert_eq!(whole.json(), json!({ "repositories": sorted }));
    let mut found = Vec::new();
    let mut path = "/v2/_catalog?n=3".to_owned();
    for expected in [3, 3, 1] {
        let page = client.get(&path).expect(200);
        let names = page.json()["repositories"].as_array().unwrap().clone();
        assert_eq!(names.len(), expected);
        found.extend(
            names
                .into_iter()
                .map(|name| name.as_str().unwrap().to_owned()),
        );
        if expected == 3 {
            path = next(&page);
        } else {
            page.lacks("link");
        }
    }
    assert_eq!(found, sorted);
    registry.finish();
}

#[test]
fn the_words_of_the_protocol_may_be_part_of_a_name() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "named");

    let names = [
        "blobs",
        "manifests/x",
        "a/tags",
        "a/blobs/uploads",
        "uploads",
        "v2/referrers",
    ];
    for name in names {
        image.push(&client, name, "list");
        assert_eq!(client.tags(name), ["list"]);
        assert_eq!(
            client.manifest(name, "list").expect(200).body,
            image.manifest.bytes
        );
        client
            .blob(name, &harness::Digest::of(&image.config))
            .expect(200);
        assert!(client.referrers(name, &image.digest()).is_empty());
    }
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.repositories.len(), names.len());
}

#[test]
fn more_tags_than_one_page_holds_all_come_page_by_page() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    image.push_blobs(&client, "a/b");
    let tags: Vec<_> = (0..2_500).map(|number| format!("t{number:04}")).collect();
    for some in tags.chunks(50) {
        let query = format!("{}?tag={}", image.digest(), some.join("&tag="));
        image.manifest.put(&client, "a/b", &query).expect(201);
    }

    assert_eq!(client.tags("a/b"), tags);
    let page = client.get("/v2/a/b/tags/list?n=1000000").expect(200);
    assert!(
        tags_of(&page).len() == tags.len() || page.header("link").is_some(),
        "{page}"
    );
    registry.finish();
}
