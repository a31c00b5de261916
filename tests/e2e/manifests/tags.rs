//! A manifest pushed by digest under several tags at once (end-7b).

use std::collections::BTreeSet;

use harness::{Client, Format, Image, Registry, Response};

fn put(client: &Client, image: &Image, tags: &[&str]) -> Response {
    let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    let reference = format!("{}?{}", image.digest(), query.join("&"));
    image.manifest.put(client, "a/b", &reference)
}

/// The tags an answer accepts: one or more lines, each a list.
fn accepted(answer: &Response) -> BTreeSet<String> {
    let lines = answer.headers("oci-tag");
    let tags = lines.iter().flat_map(|line| line.split(','));
    tags.map(|tag| tag.trim().to_owned()).collect()
}

#[test]
fn one_push_sets_several_tags() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    image.push_blobs(&client, "a/b");
    let tags: Vec<_> = (0..12).map(|n| format!("t{n:02}")).collect();
    let tags: Vec<_> = tags.iter().map(String::as_str).collect();

    let answer = put(&client, &image, &tags).expect(201);

    assert_eq!(answer.digest(), image.digest());
    assert_eq!(
        accepted(&answer),
        tags.iter().map(ToString::to_string).collect()
    );
    assert_eq!(client.tags("a/b"), tags);
    for tag in tags {
        assert_eq!(
            client.manifest("a/b", tag).expect(200).digest(),
            image.digest()
        );
    }
    registry.finish();
}

#[test]
fn a_malformed_tag_among_several_sets_none() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    image.push_blobs(&client, "a/b");

    for wrong in [
        "",
        ".a",
        "a%2Fb",
        "a%20b",
        "%C3%A9",
        "a:b",
        &"x".repeat(129),
    ] {
        put(&client, &image, &["good", wrong]).expect(400);
    }
    client.manifest("a/b", "good").expect(404);
    client.manifest("a/b", image.digest().as_str()).expect(404);
    registry.finish();
}

#[test]
fn more_tags_than_one_push_may_set_are_refused_together() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    image.push_blobs(&client, "a/b");
    let tags: Vec<_> = (0..3000).map(|n| format!("t{n}")).collect();
    let tags: Vec<_> = tags.iter().map(String::as_str).collect();

    let answer = put(&client, &image, &tags);

    assert!(matches!(answer.status.as_u16(), 414 | 431), "{answer}");
    client.manifest("a/b", image.digest().as_str()).expect(404);
    registry.finish();
}

#[test]
fn beside_a_tag_in_the_path_those_in_the_query_mean_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    image.push_blobs(&client, "a/b");

    image
        .manifest
        .put(&client, "a/b", "one?tag=two")
        .expect(201);

    assert_eq!(client.tags("a/b"), ["one"]);
    registry.finish();
}

#[test]
fn tags_may_be_as_long_as_the_grammar_says_and_differ_in_case() {
    let registry = Registry::open();
    let client = registry.plain();
    let image = Image::new(Format::Oci, "tagged");
    let other = Image::new(Format::Oci, "other");
    let longest = "x".repeat(128);

    for tag in [&longest, "_", "v1.0", "V1.0", "0-._"] {
        image.push(&client, "a/b", tag);
    }
    other.push(&client, "a/b", "v1.0");

    assert_eq!(
        client.manifest("a/b", "V1.0").expect(200).digest(),
        image.digest()
    );
    assert_eq!(
        client.manifest("a/b", "v1.0").expect(200).digest(),
        other.digest()
    );
    assert_eq!(client.tags("a/b"), ["0-._", "V1.0", "_", "v1.0", &longest]);
    registry.finish();
}

#[test]
fn tags_that_many_clients_set_at_once_are_all_there() {
    let registry = Registry::open();
    let client = registry.plain();
    let images: Vec<_> = (0..12)
        .map(|number| Image::new(Format::Oci, &number.to_string()))
        .collect();
    for image in &images {
        image.push_blobs(&client, "a/b");
    }

    std::thread::scope(|scope| {
        for (number, image) in images.iter().enumerate() {
            let client = &client;
            scope.spawn(move || {
                for tag in [&format!("t{number:02}"), "shared"] {
                    image.manifest.put(client, "a/b", tag).expect(201);
                }
            });
        }
    });

    for (number, image) in images.iter().enumerate() {
        let head = client
            .head(format!("/v2/a/b/manifests/t{number:02}"))
            .expect(200);
        assert_eq!(head.digest(), image.digest());
    }
    let shared = client.manifest("a/b", "shared").expect(200).digest();
    assert!(images.iter().any(|image| image.digest() == shared));
    registry.finish().no_uploads();
}
