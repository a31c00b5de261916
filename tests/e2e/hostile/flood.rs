//! Bodies that are refused long before they end: a client that sends them to the end still reads
//! why. Go's clients do exactly that.

use std::thread;

use harness::{Anonymous, Client, Digest, Noise, Registry};

use crate::nothing::registry_is_empty;

const LENGTH: u64 = 200 * 1024 * 1024;

/// Sends a whole body of 200 MiB before it reads the first byte of the answer, and returns that.
#[track_caller]
fn send_all(client: &Client, request: &str, headers: &str) -> String {
    let host = client.raw_headers();
    let mut connection = client.connect();
    connection.send(format!(
        "{request} HTTP/1.1\r\n{host}{headers}Content-Length: {LENGTH}\r\nConnection: close\r\n\r\n"
    ));
    for chunk in Noise::new(1, LENGTH).chunks() {
        connection.send(chunk);
    }
    connection.rest()
}

#[track_caller]
fn is_refused(client: &Client, request: &str, headers: &str, status: &str) {
    let answer = send_all(client, request, headers);
    let expected = format!("HTTP/1.1 {status}");
    assert!(
        answer.starts_with(&expected),
        "{request}: not {expected}: {answer}"
    );
    assert!(answer.contains("{\"errors\":[{"), "{answer}");
}

fn upload() -> String {
    format!(
        "/v2/a/b/blobs/uploads/b7a2f7f0-0000-4000-8000-000000000000?digest={}",
        Digest::of(b"")
    )
}

#[test]
fn a_client_without_rights_reads_401_after_200_mebibytes() {
    let registry = Registry::with().anonymous(Anonymous::None).start();

    for client in [registry.plain(), registry.client()] {
        is_refused(&client, &format!("PUT {}", upload()), "", "401");
    }
    let client = registry.plain();
    is_refused(&client, &format!("PATCH {}", upload()), "", "401");
    is_refused(
        &client,
        "POST /v2/a/b/blobs/uploads/?digest=sha256:x",
        "",
        "4",
    );
    registry_is_empty(registry);
}

#[test]
fn a_manifest_of_200_mebibytes_is_too_large_and_an_upload_of_nobody_unknown() {
    let registry = Registry::open();
    let client = registry.plain();
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";

    is_refused(&client, "PUT /v2/a/b/manifests/1", kind, "413");
    is_refused(&client, &format!("PUT {}", upload()), "", "404");
    registry_is_empty(registry);
}

#[test]
fn a_manifest_of_unknown_length_is_cut_off_at_the_limit() {
    let registry = Registry::open();
    let client = registry.plain();

    let endless = harness::Body::chunked(Noise::new(1, 20 * 1024 * 1024).chunks());
    let answer = client.request(http::Method::PUT, "/v2/a/b/manifests/1");
    let answer = answer.header("content-type", harness::media_type::OCI_IMAGE);

    answer.body(endless).send().expect(413);
    registry_is_empty(registry);
}

#[test]
fn a_client_that_asks_first_is_told_before_it_sends() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.plain();
    let mut connection = client.connect();

    connection.send(format!(
        "PUT {} HTTP/1.1\r\n{}Content-Length: {LENGTH}\r\nExpect: 100-continue\r\n\r\n",
        upload(),
        client.raw_headers()
    ));

    let head = connection.head();
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    connection.cut();
    registry_is_empty(registry);
}

#[test]
fn a_form_of_the_token_service_is_not_read_without_end() {
    let registry = Registry::start();
    let client = registry.plain();

    let huge = format!(
        "grant_type=password&username={}",
        "x".repeat(4 * 1024 * 1024)
    );
    let answer = crate::auth::post(&client, &huge);

    assert!(
        matches!(answer.status.as_u16(), 400 | 401 | 413),
        "{}",
        answer.status
    );
    registry_is_empty(registry);
}

#[test]
fn hundreds_of_silent_connections_keep_nobody_else_out() {
    let registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());

    let silent: Vec<_> = (0..300).map(|_| client.connect()).collect();
    let half: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = client.connect();
            connection.send("GET /v2/ HT");
            connection
        })
        .collect();

    assert_eq!(client.blob("a/b", &digest).expect(200).body, "bytes");
    drop((silent, half));
    registry.finish();
}

#[test]
fn over_http2_a_refused_body_ends_with_the_status_as_well() {
    let registry = Registry::with().anonymous(Anonymous::None).start();
    let client = registry.client().http2();

    client
        .put(upload(), &Noise::new(1, LENGTH))
        .refused(401, "UNAUTHORIZED");
    client
        .patch(upload(), &Noise::new(1, LENGTH))
        .refused(401, "UNAUTHORIZED");
    registry_is_empty(registry);
}

#[test]
fn a_flood_of_wrong_passwords_keeps_nobody_else_out() {
    let registry = Registry::start();
    let user = registry.user("ci", "a password");
    let digest = user.push_blob("a/b", &"bytes".into());

    thread::scope(|scope| {
        for number in 0..24 {
            let guess = registry.plain().basic("ci", &number.to_string());
            scope.spawn(move || {
                let answer = guess.get("/token");
                assert!(matches!(answer.status.as_u16(), 401 | 429), "{answer}");
            });
        }
        for client in [user.clone(), registry.client()] {
            let digest = &digest;
            scope.spawn(move || client.blob("a/b", digest).expect(200));
        }
    });

    registry.user("later", "a password").get("/v2/").expect(200);
    registry.finish();
}
