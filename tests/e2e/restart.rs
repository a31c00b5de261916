//! What was acknowledged is there afterwards, however the server ended.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use harness::{Digest, Format, Image, Registry, Truth, eventually};
use serde_json::json;

/// One exchange on a connection of its own, which may fail as the server may die: the status.
fn exchange(address: SocketAddr, head: &str, body: &[u8]) -> io::Result<u16> {
    let mut tcp = TcpStream::connect(address)?;
    tcp.set_read_timeout(Some(Duration::from_mins(1)))?;
    let length = body.len();
    write!(
        tcp,
        "{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    tcp.write_all(body)?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Clients that push at the same time, each into a repository of its own.
const WRITERS: usize = 4;

/// What a server has promised to keep.
#[derive(Default)]
struct Promises {
    blobs: Vec<Digest>,
    tags: Vec<(String, Digest)>,
}

/// Pushes one small image after the other until the server is gone, and notes what was promised.
fn push_until_the_end(address: SocketAddr, writer: usize, promises: &Mutex<Promises>) {
    for number in 0.. {
        let image = Image::new(Format::Oci, &format!("{writer}-{number}"));
        let push = |bytes: &Bytes| {
            let digest = Digest::of(bytes);
            let head = format!("POST /v2/load/{writer}/blobs/uploads/?digest={digest}");
            let status = exchange(address, &head, bytes)?;
            assert_eq!(status, 201);
            promises
                .lock()
                .expect("no writer panics")
                .blobs
                .push(digest);
            io::Result::Ok(())
        };
        let tag = format!("n{number}");
        let head = format!("PUT /v2/load/{writer}/manifests/{tag}");
        let pushed = push(&image.config)
            .and_then(|()| push(&image.layers[0]))
            .and_then(|()| exchange(address, &head, &image.manifest.bytes));
        match pushed {
            Ok(status) => assert_eq!(status, 201),
            Err(_) => return,
        }
        promises
            .lock()
            .expect("no writer panics")
            .tags
            .push((tag, image.digest()));
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_under_load() {
    let mut registry = Registry::open();
    let address = registry.plain_address();

    for round in 0..3 {
        let promises: Vec<_> = (0..WRITERS)
            .map(|_| Mutex::new(Promises::default()))
            .collect();
        thread::scope(|scope| {
            for (writer, promises) in promises.iter().enumerate() {
                let name = round * WRITERS + writer;
                scope.spawn(move || push_until_the_end(address, name, promises));
            }
            eventually("each writer is in the middle of its work", || {
                let busy = |promises: &Mutex<Promises>| promises.lock().unwrap().tags.len() >= 5;
                promises.iter().all(busy)
            });
            registry.kill();
        });

        registry.start_again();
        let client = registry.plain();
        for (writer, promises) in promises.iter().enumerate() {
            let repository = format!("load/{}", round * WRITERS + writer);
            let promises = promises.lock().unwrap();
            for digest in &promises.blobs {
                client
                    .head(format!("/v2/{repository}/blobs/{digest}"))
                    .expect(200);
            }
            for (tag, digest) in &promises.tags {
                let head = client
                    .head(format!("/v2/{repository}/manifests/{tag}"))
                    .expect(200);
                assert_eq!(head.digest(), *digest, "{repository}:{tag}");
            }
        }
        registry.check();
    }
    registry.finish();
}

#[test]
fn a_tag_that_moves_during_a_kill_points_at_one_of_the_two() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let images = ["one", "two"].map(|text| Image::new(Format::Oci, text));
    for image in &images {
        image.push(&client, "a/b", image.digest().as_str());
    }
    images[0].manifest.put(&client, "a/b", "moving").expect(201);

    let address = registry.plain_address();
    for _ in 0..3 {
        let moved = Mutex::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for image in images.iter().cycle() {
                    let head = "PUT /v2/a/b/manifests/moving";
                    if exchange(address, head, &image.manifest.bytes).is_err() {
                        return;
                    }
                    *moved.lock().unwrap() += 1;
                }
            });
            eventually("the tag moves", || *moved.lock().unwrap() >= 5);
            registry.kill();
        });
        registry.start_again();
        let now = client.manifest("a/b", "moving").expect(200).digest();
        assert!(images.iter().any(|image| image.digest() == now));
        registry.check();
    }
    registry.finish();
}

#[test]
fn the_index_may_be_deleted_while_the_server_is_stopped() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let subject = Image::new(Format::Oci, "subject");
    for repository in ["a", "a/b", "c"] {
        subject.push(&client, repository, "1");
    }
    let note = Image::referrer(&subject.manifest, "text/x", "note");
    note.push(&client, "a/b", note.digest().as_str());
    let before = registry.check();
    registry.stop();

    fs::remove_dir_all(registry.data().join("index")).expect("the index is a directory");
    registry.start_again();

    // Tags and referrers need no index; the catalog may say that it is not back yet.
    assert_eq!(client.tags("a/b"), ["1"]);
    assert_eq!(client.referrers("a/b", &subject.digest()).len(), 1);
    eventually("the index is back", || {
        client.get("/v2/_catalog").status == 200
    });
    let catalog = client.get("/v2/_catalog").expect(200).json();
    assert_eq!(catalog, json!({ "repositories": ["a", "a/b", "c"] }));
    let digest = Digest::of(&subject.layers[0]);
    client
        .post(format!("/v2/new/blobs/uploads/?mount={digest}"), "")
        .expect(201);
    client.delete(format!("/v2/new/blobs/{digest}")).expect(202);
    let after = registry.finish();
    assert_eq!(after.blobs, before.blobs);
}

#[test]
fn a_damaged_index_is_thrown_away() {
    let mut registry = Registry::open();
    let client = registry.plain();
    Image::new(Format::Oci, "content").push(&client, "a/b", "1");
    registry.stop();

    for entry in fs::read_dir(registry.data().join("index"))
        .expect("the index")
        .flatten()
    {
        if entry.path().is_file() {
            fs::write(entry.path(), b"damaged").expect("damage the index");
        }
    }
    registry.start_again();

    eventually("the index is back", || {
        client.get("/v2/_catalog").status == 200
    });
    assert_eq!(client.catalog(), ["a/b"]);
    registry.finish();
}

#[test]
fn what_a_crash_left_half_written_is_swept() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let digest = client.push_blob("a/b", &"bytes".into());
    registry.kill();
    fs::write(registry.data().join("tmp/half-written"), "half").expect("leave something behind");

    registry.start_again();

    eventually("tmp/ is empty", || {
        fs::read_dir(registry.data().join("tmp"))
            .expect("tmp/")
            .next()
            .is_none()
    });
    client.blob("a/b", &digest).expect(200);
    registry.finish();
}

#[test]
fn a_restart_changes_nothing_that_can_be_seen() {
    let mut registry = Registry::start();
    let client = registry.user("ci", "a password");
    Image::new(Format::Docker, "content").push(&client, "a/b", "1");
    let token = client.token(&["repository:a/b:pull"]);
    let before = registry.check();

    registry.restart();

    assert_eq!(registry.check(), before);
    // Tokens outlive the process, and so do passwords.
    client
        .clone()
        .bearer(&token)
        .manifest("a/b", "1")
        .expect(200);
    client.manifest("a/b", "1").expect(200);
    registry.stop();
    assert_eq!(Truth::of(registry.data()), before);
}
