//! What happens to an upload when a connection is lost or the server ends in the middle.

use harness::{Client, Connection, Digest, Noise, Registry, eventually};

/// How many bytes an upload says it holds.
#[track_caller]
fn offset(client: &Client, location: &str) -> usize {
    let answer = client.get(location).expect(204);
    let (first, last) = answer.must("range").split_once('-').expect("0-<last>");
    assert_eq!(first, "0", "{answer}");
    match last.parse().expect("a number") {
        // No bytes and one byte read the same; these tests send none or many.
        0 => 0,
        last => last + 1_usize,
    }
}

/// Begins a PATCH of this many bytes and sends what it is given of them.
fn half_a_patch(client: &Client, location: &str, announced: usize, sent: &[u8]) -> Connection {
    let mut connection = client.connect();
    let headers = client.raw_headers();
    connection.send(format!(
        "PATCH {location} HTTP/1.1\r\n{headers}Content-Length: {announced}\r\n\r\n"
    ));
    connection.send(sent);
    connection
}

#[test]
fn after_a_lost_connection_the_client_goes_on_where_the_registry_says() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 3_000_000).bytes();
    let location = client.start_upload("a/b");
    client
        .patch(&location, bytes.slice(..1_000_000))
        .expect(202);

    half_a_patch(&client, &location, 2_000_000, &bytes[1_000_000..2_000_000]).cut();

    eventually("the registry has noticed the lost connection", || {
        client.get(&location).status == 204
    });
    let held = offset(&client, &location);
    assert!((1_000_000..=2_000_000).contains(&held), "{held}");
    client
        .chunk(&location, held, &bytes.slice(held..))
        .expect(202);
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    registry.finish().no_uploads();
}

/// Brings a blob in with a stop of the server between each two steps.
#[track_caller]
fn survives(stop: impl Fn(&mut Registry), digest_of: impl Fn(&[u8]) -> Digest) {
    let mut registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 1_500_000).bytes();
    let digest = digest_of(&bytes);
    let location = client.start_upload("a/b");

    stop(&mut registry);
    assert_eq!(offset(&client, &location), 0);
    client.patch(&location, bytes.slice(..700_001)).expect(202);
    stop(&mut registry);
    assert_eq!(offset(&client, &location), 700_001);
    client
        .chunk(&location, 700_001, &bytes.slice(700_001..1_400_000))
        .expect(202);
    stop(&mut registry);
    assert_eq!(offset(&client, &location), 1_400_000);
    client
        .finish_upload(&location, &digest, bytes.slice(1_400_000..))
        .expect(201);
    stop(&mut registry);

    assert_eq!(client.blob("a/b", &digest).expect(200).body, bytes);
    registry.finish().no_uploads();
}

fn restart(registry: &mut Registry) {
    registry.restart();
}

fn kill(registry: &mut Registry) {
    registry.kill();
    registry.start_again();
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    survives(restart, Digest::of);
}

#[test]
fn an_upload_goes_on_after_the_server_was_killed() {
    survives(kill, Digest::of);
}

#[test]
fn an_upload_named_by_sha512_goes_on_after_the_server_was_killed() {
    survives(kill, Digest::sha512);
}

#[test]
fn a_server_killed_in_the_middle_of_a_chunk_says_afterwards_what_it_has() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 8_000_000).bytes();
    let location = client.start_upload("a/b");
    client
        .patch(&location, bytes.slice(..1_000_000))
        .expect(202);

    let connection = half_a_patch(&client, &location, 7_000_000, &bytes[1_000_000..6_000_000]);
    registry.kill();
    drop(connection);
    registry.start_again();

    let held = offset(&client, &location);
    assert!((1_000_000..=6_000_000).contains(&held), "{held}");
    client
        .chunk(&location, held, &bytes.slice(held..))
        .expect(202);
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn a_single_post_that_breaks_off_leaves_nothing() {
    let registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 1_000_000).bytes();
    let mut connection = client.connect();
    connection.send(format!(
        "POST /v2/a/b/blobs/uploads/?digest={} HTTP/1.1\r\n{}Content-Length: 1000000\r\n\r\n",
        Digest::of(&bytes),
        client.raw_headers(),
    ));
    connection.send(bytes.slice(..500_000));
    connection.cut();

    let uploads = registry.data().join("uploads");
    let is_empty = || std::fs::read_dir(&uploads).map_or(true, |mut all| all.next().is_none());
    eventually("the broken upload is gone", is_empty);
    let truth = registry.finish().no_uploads();
    assert!(truth.blobs.is_empty(), "{truth:?}");
}
