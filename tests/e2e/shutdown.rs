//! SIGTERM: what runs is finished, what is new is refused, and the process ends cleanly.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use harness::{Client, Connection, Digest, Hasher, Noise, Registry, eventually};
use rustix::process::Signal;

/// More than sockets can hold, so that a pull is really in the middle when the server is told.
const LARGE: u64 = 64 * 1024 * 1024;

/// A blob being pulled, of which the first bytes have arrived.
struct Pull {
    connection: Connection,
    hasher: Hasher,
    left: usize,
}

impl Pull {
    #[track_caller]
    fn begin(client: &Client, blob: &Digest) -> Self {
        let mut connection = client.connect();
        let headers = client.raw_headers();
        connection.send(format!(
            "GET /v2/a/b/blobs/{blob} HTTP/1.1\r\n{headers}\r\n"
        ));
        let head = connection.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let left = usize::try_from(LARGE).expect("64 bits");
        let mut pull = Self {
            connection,
            hasher: Hasher::sha256(),
            left,
        };
        pull.read(1024);
        pull
    }

    fn read(&mut self, count: usize) {
        let bytes = self.connection.exactly(count);
        self.hasher.update(&bytes);
        self.left -= count;
    }

    #[track_caller]
    fn finish(mut self) -> Digest {
        while self.left > 0 {
            self.read(self.left.min(1024 * 1024));
        }
        self.hasher.finish()
    }
}

fn refuses_connections(registry: &Registry) -> bool {
    TcpStream::connect(registry.plain_address()).is_err()
}

#[test]
fn a_running_pull_is_finished_before_the_end() {
    let mut registry = Registry::open();
    let noise = Noise::new(1, LARGE);
    let blob = registry.plain().push_noise("a/b", &noise);
    let pulls = [registry.plain(), registry.client()].map(|client| Pull::begin(&client, &blob));

    registry.signal(Signal::TERM);
    eventually("nobody new is let in", || refuses_connections(&registry));
    assert!(registry.server().is_running());
    for pull in pulls {
        assert_eq!(pull.finish(), blob);
    }

    assert!(registry.server().wait().success());
}

#[test]
fn a_running_upload_is_finished_before_the_end() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let bytes = Noise::new(1, 2_000_000).bytes();
    let location = client.start_upload("a/b");
    let mut patch = client.connect();
    patch.send(format!(
        "PATCH {location} HTTP/1.1\r\n{}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        client.raw_headers(),
        bytes.len()
    ));
    let go_on = patch.head();
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    patch.send(bytes.slice(..1_000_000));

    registry.signal(Signal::TERM);
    eventually("nobody new is let in", || refuses_connections(&registry));
    patch.send(bytes.slice(1_000_000..));
    let answer = patch.head();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    drop(patch);
    assert!(registry.server().wait().success());

    // It has ended; this only tells the harness, so that it starts another.
    registry.kill();
    registry.start_again();
    client
        .finish_upload(&location, &Digest::of(&bytes), "")
        .expect(201);
    registry.finish().no_uploads();
}

#[test]
fn connections_on_which_nothing_happens_delay_nothing() {
    let mut registry = Registry::open();
    let (plain, tls) = (registry.plain(), registry.client());
    let mut idle = Vec::new();
    for client in [&plain, &tls, &plain] {
        let mut connection = client.connect();
        connection.send(format!(
            "GET /healthz HTTP/1.1\r\n{}\r\n",
            client.raw_headers()
        ));
        let head = connection.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        idle.push(connection);
    }
    idle.push(plain.connect());

    let begun = Instant::now();
    registry.stop();

    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn while_it_drains_the_registry_is_not_ready() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let blob = client.push_noise("a/b", &Noise::new(1, LARGE));
    let pull = Pull::begin(&client, &blob);
    // A connection that is open already is asked, as a load balancer keeps one.
    let mut probe = client.connect();

    registry.signal(Signal::TERM);
    eventually("nobody new is let in", || refuses_connections(&registry));
    // It may be closed at once; if it answers, then with the truth.
    drop(probe.try_send(format!(
        "GET /readyz HTTP/1.1\r\n{}\r\n",
        client.raw_headers()
    )));
    let answer = probe.rest();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 503"),
        "{answer}"
    );

    assert_eq!(pull.finish(), blob);
    assert!(registry.server().wait().success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut registry = Registry::open();
    let client = registry.plain();
    let blob = client.push_noise("a/b", &Noise::new(1, LARGE));
    let stuck = Pull::begin(&client, &blob);
    let begun = Instant::now();

    registry.signal(Signal::TERM);
    eventually("nobody new is let in", || refuses_connections(&registry));
    registry.signal(Signal::TERM);
    registry.server().wait();

    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    drop(stuck);
}

#[test]
fn an_interrupt_from_the_keyboard_is_a_clean_end_as_well() {
    let mut registry = Registry::open();
    registry.plain().push_blob("a/b", &"bytes".into());

    registry.signal(Signal::INT);

    assert!(registry.server().wait().success());
}
