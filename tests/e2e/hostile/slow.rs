//! Clients that never finish what they begin: each is given up after a while, and nobody waits.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Connection, Registry};

/// More than the registry waits for a head or a handshake, less than it waits for anything else.
const LIMIT: Duration = Duration::from_secs(50);

/// Says a byte now and then, for as long as the registry listens.
fn drip(mut connection: Connection) {
    while connection.try_send("x").is_ok() {
        thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until the registry closes this connection, on which nothing is ever said.
fn stay_silent(address: SocketAddr) {
    use std::io::Read as _;
    let mut tcp = TcpStream::connect(address).expect("connect to the registry");
    tcp.set_read_timeout(Some(LIMIT))
        .expect("set a read timeout");
    let count = tcp.read(&mut [0; 64]).unwrap_or(0);
    assert_eq!(count, 0, "nothing was asked, so nothing is answered");
}

#[test]
fn whoever_never_finishes_a_head_or_a_handshake_is_given_up() {
    let registry = Registry::open();
    let client = registry.plain();
    let tls = registry.client();
    let (plain_address, tls_address) = (registry.plain_address(), registry.tls_address());
    let begun = Instant::now();

    thread::scope(|scope| {
        for client in [&client, &tls] {
            scope.spawn(|| {
                let mut connection = client.connect();
                connection.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
                let answer = connection.rest();
                let said = answer.is_empty() || answer.starts_with("HTTP/1.1 408");
                assert!(said, "{answer}");
            });
        }
        scope.spawn(|| {
            let mut connection = client.connect();
            connection.send("GET /v2/ HTTP/1.1\r\nX-Slow: ");
            drip(connection);
        });
        scope.spawn(|| stay_silent(plain_address));
        scope.spawn(|| stay_silent(tls_address));
        // Meanwhile everybody else is served.
        scope.spawn(|| client.get("/v2/").expect(200));
    });

    assert!(
        begun.elapsed() < LIMIT,
        "given up only after {:?}",
        begun.elapsed()
    );
    registry.finish().no_uploads();
}
