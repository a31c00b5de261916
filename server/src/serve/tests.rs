//! The whole server on loopback ports, spoken to byte by byte where a client library would be too
//! polite.

use std::fs;
use std::path::Path;

use roadstead_certs::{Trust, client_config};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::*;
use crate::auth::config::Anonymous;
use crate::config::Flags;

/// No test takes longer unless something hangs.
const DEADLINE: Duration = Duration::from_mins(1);

/// A running server, as its tests see it.
struct Running {
    plain: SocketAddr,
    tls: SocketAddr,
    orders: mpsc::Sender<Order>,
}

/// Runs a server in `data` while `script` does, then stops it. The server must end well.
async fn serving(data: &Path, flags: Flags, script: impl AsyncFnOnce(&Running)) {
    let any = || "127.0.0.1:0".parse().unwrap();
    let source = Source {
        file: Some(data.join("config.toml")),
        flags: Flags {
            data: Some(data.join("data")),
            listen: vec![any()],
            http_listen: vec![any()],
            ..flags
        },
        ..Source::default()
    };
    let app = App::build(source).await.unwrap();
    let (orders, mut next) = mpsc::channel(1);
    let [tls, plain] = [&app.listeners[0], &app.listeners[1]].map(Listener::address);
    let running = Running { plain, tls, orders };
    let run = Box::pin(app.run(async || match next.recv().await {
        Some(order) => order,
        None => std::future::pending().await,
    }));
    let script = async {
        script(&running).await;
        // The script may have stopped it already; then this is the second order, and harmless.
        let _ = running.orders.send(Order::Stop).await;
    };
    let (outcome, ()) = timeout(DEADLINE, async { tokio::join!(run, script) })
        .await
        .unwrap();
    outcome.unwrap();
}

fn directory() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::File::create(dir.path().join("config.toml")).unwrap();
    dir
}

fn anonymous(mode: Anonymous) -> Flags {
    Flags {
        anonymous: Some(mode),
        ..Flags::default()
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.plain).await.unwrap()
    }

    /// The answer to a request without a body, on a connection of its own.
    async fn ask(&self, request_line: &str) -> String {
        let mut connection = self.connect().await;
        let request = format!("{request_line} HTTP/1.1\r\nHost: reg\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// A request whose head promises `length` bytes of body.
    async fn begin(&self, request_line: &str, length: usize) -> TcpStream {
        let mut connection = self.connect().await;
        let head =
            format!("{request_line} HTTP/1.1\r\nHost: reg\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        connection
    }

    async fn begin_upload(&self) -> String {
        let started = self.ask("POST /v2/a/blobs/uploads/").await;
        header(&started, "location").to_owned()
    }

    /// Waits until a body is being received.
    async fn until_receiving(&self) {
        while !self
            .ask("GET /metrics")
            .await
            .contains("roadstead_uploads_writing 1\n")
        {
            yield_now().await;
        }
    }

    /// Waits until no connection is accepted any more.
    async fn until_closed(&self) {
        while TcpStream::connect(self.plain).await.is_ok() {
            yield_now().await;
        }
    }
}

#[track_caller]
fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.unwrap_or_else(|| panic!("{name} in {answer}")).1
}

#[track_caller]
fn status(answer: &str, expected: u16) {
    let line = answer.lines().next().unwrap_or_default();
    assert!(
        line.starts_with(&format!("HTTP/1.1 {expected} ")),
        "{answer}"
    );
}

/// One answer without a body, off a connection that stays open.
async fn head_of_answer(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_stalled_handshake_does_not_hold_up_the_next_connection() {
    let dir = directory();
    serving(dir.path(), Flags::default(), async |server| {
        let _stalled = TcpStream::connect(server.tls).await.unwrap();
        let pem = server.ask("GET /ca.crt").await;
        let pem = &pem[pem.find("-----BEGIN").unwrap()..];
        let trust = Trust::from_pem(pem).unwrap();
        let connector = TlsConnector::from(Arc::new(client_config(trust).unwrap()));
        let stream = TcpStream::connect(server.tls).await.unwrap();
        let name = "127.0.0.1".try_into().unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: reg\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        status(&answer, 200);
    })
    .await;
}

#[tokio::test]
async fn an_order_to_stop_lets_a_request_underway_finish() {
    let dir = directory();
    serving(dir.path(), anonymous(Anonymous::Push), async |server| {
        let location = server.begin_upload().await;
        let mut upload = server.begin(&format!("PATCH {location}"), 10).await;
        upload.write_all(b"01234").await.unwrap();
        server.until_receiving().await;
        server.orders.send(Order::Stop).await.unwrap();
        server.until_closed().await;
        upload.write_all(b"56789").await.unwrap();
        let answer = head_of_answer(&mut upload).await;
        status(&answer, 202);
        assert_eq!(header(&answer, "range"), "0-9");
    })
    .await;
}

#[tokio::test]
async fn a_second_order_to_stop_waits_for_nobody_and_what_arrived_is_kept() {
    let dir = directory();
    let mut location = String::new();
    serving(dir.path(), anonymous(Anonymous::Push), async |server| {
        location = server.begin_upload().await;
        let mut upload = server.begin(&format!("PATCH {location}"), 10).await;
        server.until_receiving().await;
        server.orders.send(Order::Stop).await.unwrap();
        server.until_closed().await;
        server.orders.send(Order::Stop).await.unwrap();
        assert_eq!(
            upload.read(&mut [0]).await.unwrap_or(0),
            0,
            "cut off without an answer"
        );
    })
    .await;
    serving(dir.path(), anonymous(Anonymous::Push), async |server| {
        let answer = server.ask(&format!("GET {location}")).await;
        status(&answer, 204);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_comes_early_is_seen_by_a_client_that_sends_all_first() {
    let dir = directory();
    serving(dir.path(), anonymous(Anonymous::None), async |server| {
        let body = vec![0; 20_000_000];
        let mut push = server.begin("PUT /v2/a/manifests/latest", body.len()).await;
        push.write_all(&body).await.unwrap();
        // The connection is good for another request, so all of the body was taken.
        push.write_all(b"HEAD /healthz HTTP/1.1\r\nHost: reg\r\n\r\n")
            .await
            .unwrap();
        let refused = head_of_answer(&mut push).await;
        status(&refused, 401);
        let length: usize = header(&refused, "content-length").parse().unwrap();
        push.read_exact(&mut vec![0; length]).await.unwrap();
        status(&head_of_answer(&mut push).await, 200);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_spared_the_sending() {
    let dir = directory();
    serving(dir.path(), anonymous(Anonymous::None), async |server| {
        let mut push = server.connect().await;
        let head = b"PUT /v2/a/manifests/latest HTTP/1.1\r\nHost: reg\r\n\
                     Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n";
        push.write_all(head).await.unwrap();
        let mut answer = String::new();
        push.read_to_string(&mut answer).await.unwrap();
        status(&answer, 401);
    })
    .await;
}

#[tokio::test]
async fn a_reload_takes_new_rules_and_keeps_the_old_ones_when_the_file_is_broken() {
    let dir = directory();
    let file = dir.path().join("config.toml");
    let write =
        |text: &str| io::Write::write_all(&mut fs::File::create(&file).unwrap(), text.as_bytes());
    serving(dir.path(), Flags::default(), async |server| {
        status(&server.ask("GET /v2/").await, 401);
        write("[auth]\nanonymous = 'push'\n").unwrap();
        server.orders.send(Order::Reload).await.unwrap();
        while !server.ask("GET /v2/").await.starts_with("HTTP/1.1 200") {
            yield_now().await;
        }
        write("[auth]\nanonymous = 'nobody'\n").unwrap();
        // One order is carried out and one waits, so when a third is taken the first is done.
        for _ in 0..3 {
            server.orders.send(Order::Reload).await.unwrap();
        }
        status(&server.ask("GET /v2/").await, 200);
    })
    .await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let dir = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let flags = Flags {
        data: Some(dir.path().join("data")),
        listen: vec![address],
        ..Flags::default()
    };
    let source = Source {
        file: Some(dir.path().join("config.toml")),
        flags,
        ..Source::default()
    };
    let Err(refused) = App::build(source).await else {
        panic!("bound a taken port");
    };
    assert_eq!(refused.to_string(), format!("listen on {address}"));
    assert!(
        !dir.path().join("data").exists(),
        "nothing is made before the sockets are bound"
    );
}
