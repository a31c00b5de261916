//! What pull-through costs and how soon it gives: one download for a crowd, first bytes at once, nothing
//! twice after a kill.

mod chaos;
mod crowd;
mod follower;
mod kill;
mod leader;

use harness::{Anonymous, Client, Connection, Registry, Upstream};

const MIB: u64 = 1024 * 1024;

/// Whether this run may take as long as it takes, on a machine where nothing else happens.
fn is_long() -> bool {
    std::env::var_os("ROADSTEAD_LONG").is_some()
}

/// A registry that pulls through from this upstream, with `more` in its section.
#[track_caller]
fn registry(upstream: &Upstream, more: &str) -> Registry {
    let config = format!(
        "[[upstream]]\nname = \"up.example\"\nurls = [\"{}\"]\npull_through = true\n{more}\n",
        upstream.url()
    );
    Registry::with()
        .config(config)
        .anonymous(Anonymous::Pull)
        .start()
}

/// Asks for something on a connection of its own and reads nothing yet.
#[track_caller]
fn ask(client: &Client, path: &str) -> Connection {
    let mut connection = client.connect();
    connection.send(format!(
        "GET {path} HTTP/1.1\r\n{}\r\n",
        client.raw_headers()
    ));
    connection
}

/// Insists that a body of this length follows.
#[track_caller]
fn begins(connection: &mut Connection, length: u64) {
    let head = connection.head();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = format!("content-length: {length}\r\n");
    assert!(head.to_ascii_lowercase().contains(&length), "{head}");
}

/// Insists that these bytes come next.
#[track_caller]
fn goes_on(connection: &mut Connection, content: &[u8]) {
    for expected in content.chunks(64 * 1024) {
        assert!(
            connection.exactly(expected.len()) == expected,
            "other bytes"
        );
    }
}
