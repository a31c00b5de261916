//! The routes a blob can take: one POST, POST and PUT, POST and PATCH and PUT.

use bytes::Bytes;
use harness::{Body, Client, Digest, Noise, Registry, Response, with_query};
use http::Method;

/// Insists that this answer ends an upload, and that the blob is where it says.
#[track_caller]
fn stored(client: &Client, answer: Response, digest: &Digest, bytes: &Bytes) {
    let answer = answer
        .expect(201)
        .has("docker-content-digest", digest.as_str())
        .has("content-length", "0");
    let location = answer.location();
    assert_eq!(location, format!("/v2/a/b/blobs/{digest}"));
    assert_eq!(client.get(location).expect(200).body, *bytes);
}

/// Bytes in pieces, with nothing said of how many there will be.
fn unannounced(noise: &Noise) -> Body {
    Body::chunked(noise.chunks())
}

#[test]
fn an_upload_begins_with_a_place_of_its_own() {
    let registry = Registry::open();
    let client = registry.plain();

    let answer = client
        .post("/v2/a/b/blobs/uploads/", "")
        .expect(202)
        .has("content-length", "0")
        .has("range", "0-0");

    let id = answer.must("docker-upload-uuid").to_owned();
    let hyphens: Vec<_> = id.match_indices('-').map(|(place, _)| place).collect();
    assert_eq!(
        (id.len(), hyphens),
        (36, vec![8, 13, 18, 23]),
        "a UUID: {id}"
    );
    let location = answer.location();
    // containerd takes anything that begins otherwise for a host.
    assert!(location.starts_with("/v2/a/b/blobs/uploads/"), "{location}");
    assert!(location.contains(&id), "{location}");
    client.delete(location).expect(204);
    // Clients also leave the last slash away.
    let location = client
        .post("/v2/a/b/blobs/uploads", "")
        .expect(202)
        .location();
    client.delete(location).expect(204);
    registry.finish().no_uploads();
}

#[test]
fn a_blob_can_come_in_one_post() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 500_000).bytes();
    let digest = Digest::of(&bytes);
    let path = format!("/v2/a/b/blobs/uploads/?digest={digest}");

    stored(&client, client.post(&path, &bytes), &digest, &bytes);
    // Again: it is there already, and that is fine.
    stored(&client, client.post(&path, &bytes), &digest, &bytes);
    registry.finish().no_uploads();
}

#[test]
fn a_blob_can_come_with_the_closing_put() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 500_000).bytes();
    let digest = Digest::of(&bytes);

    let location = client.start_upload("a/b");
    stored(
        &client,
        client.finish_upload(&location, &digest, &bytes),
        &digest,
        &bytes,
    );
    registry.finish().no_uploads();
}

#[test]
fn a_blob_can_come_in_streams() {
    let registry = Registry::open();
    let client = registry.plain();
    let noise = Noise::new(1, 3_000_000);
    let (bytes, digest) = (noise.bytes(), noise.digest());

    let location = client.start_upload("a/b");
    let answer = client.patch(location, bytes.slice(..1_000_000)).expect(202);
    let answer = answer.has("range", "0-999999").has("content-length", "0");
    let answer = client
        .patch(answer.location(), bytes.slice(1_000_000..2_500_000))
        .expect(202);
    let location = answer.has("range", "0-2499999").location();
    let rest = bytes.slice(2_500_000..);
    stored(
        &client,
        client.finish_upload(&location, &digest, &rest),
        &digest,
        &bytes,
    );
    registry.finish().no_uploads();
}

#[test]
fn a_body_of_unknown_length_is_taken_on_every_route() {
    let registry = Registry::open();
    let client = registry.plain();
    let noise = Noise::new(1, 1_000_000);
    let (bytes, digest) = (noise.bytes(), noise.digest());

    let location = client.start_upload("a/b");
    let location = client
        .patch(location, unannounced(&noise))
        .expect(202)
        .location();
    stored(
        &client,
        client.finish_upload(&location, &digest, ""),
        &digest,
        &bytes,
    );

    let location = client.start_upload("a/b");
    let answer = client.finish_upload(&location, &digest, unannounced(&noise));
    stored(&client, answer, &digest, &bytes);

    let path = format!("/v2/a/b/blobs/uploads/?digest={digest}");
    stored(
        &client,
        client.post(path, unannounced(&noise)),
        &digest,
        &bytes,
    );
    registry.finish().no_uploads();
}

#[test]
fn what_clients_add_to_their_requests_does_no_harm() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Bytes::from("bytes");
    let digest = Digest::of(&bytes);
    let encoded = digest.as_str().replace(':', "%3A");

    // ggcr: a type of JSON on an empty body; crane: `origin`.
    let location = client
        .request(Method::POST, "/v2/a/b/blobs/uploads/?origin=example.com")
        .header("content-type", "application/json")
        .send()
        .expect(202)
        .location();
    // No type at all, the digest encoded, a parameter in front of it.
    let path = with_query(&location, &format!("_state=abc&digest={encoded}"));
    let answer = client.request(Method::PUT, path).body(&bytes).send();
    stored(&client, answer, &digest, &bytes);
    registry.finish().no_uploads();
}

#[test]
fn blobs_come_over_http2_as_well() {
    let registry = Registry::open();
    let client = registry.client().http2();
    let noise = Noise::new(1, 5_000_000);

    let digest = client.push_noise("a/b", &noise);

    assert_eq!(client.blob("a/b", &digest).expect(200).body, noise.bytes());
    let location = client.start_upload("a/b");
    let location = client
        .patch(location, unannounced(&noise))
        .expect(202)
        .location();
    client.finish_upload(&location, &digest, "").expect(201);
    registry.finish().no_uploads();
}
