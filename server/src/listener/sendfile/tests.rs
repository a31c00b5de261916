//! Answers out of files, over real sockets.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use roadstead_storage::BlobReader;
use rustix::fs::{Advice, fadvise};
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::promise::Piece;
use super::*;
use crate::http::testing::{Held, answer};
use crate::http::{FilePart, Observed};
use crate::stall::Stalling;

/// More than a socket holds, and not a multiple of anything.
const LENGTH: u32 = 3_000_001;

/// About what a socket is told to hold.
const HOLDS: u32 = 128 * 1024;

/// The two ends of a connection, which hold little between them.
async fn ends() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let client = TcpSocket::new_v4().expect("a socket");
    client.set_recv_buffer_size(HOLDS).expect("a small one");
    let (client, server) = tokio::join!(client.connect(address), listener.accept());
    let (server, _) = server.expect("a client");
    set_socket_send_buffer_size(&server, HOLDS as usize).expect("a small one");
    (client.expect("it listens"), server)
}

/// Serves a connection whose requests are answered by their paths; its client, and how it ends.
async fn serve(held: &Arc<Held>, patience: Duration) -> (TcpStream, JoinHandle<hyper::Result<()>>) {
    let (client, server) = ends().await;
    let (sender, files) = pair(server);
    let held = Arc::clone(held);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = respond(&held, request.uri().path()).map(|body| files.fill(body));
        async move { Ok::<_, Infallible>(answer) }
    });
    let stream = TokioIo::new(Stalling::new(sender, patience));
    let connection = http1::Builder::new()
        .max_buf_size(128 * 1024)
        .serve_connection(stream, service);
    (client, Handle::current().spawn(connection))
}

fn respond(held: &Held, path: &str) -> Response<Observed> {
    answer(match path {
        "/all" => held.part(0, LENGTH.into()),
        "/part" => held.part(70_001, 1_000_000),
        "/little" => held.part(5, 10_000),
        "/parts" => held.parts(&[("<1>", 900_000, 600_000), ("<2>", 1, 100_000)], "<end>"),
        path => panic!("no answer to {path}"),
    })
}

fn expected(held: &Held, path: &str) -> Vec<u8> {
    let body = &held.content()[..];
    match path {
        "/all" => body.to_vec(),
        "/part" => body[70_001..1_070_001].to_vec(),
        "/little" => body[5..10_005].to_vec(),
        "/parts" => [
            b"<1>",
            &body[900_000..1_500_000],
            b"<2>",
            &body[1..100_001],
            b"<end>",
        ]
        .concat(),
        path => panic!("no answer to {path}"),
    }
}

/// Reads one answer as far as its head says that it goes: its body.
async fn read(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    client.read_exact(&mut body).await?;
    Ok(body)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

const FOREVER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn one_answer_after_the_other_has_exactly_its_bytes() {
    let held = Arc::new(Held::new(LENGTH).await);
    let (mut client, _server) = serve(&held, FOREVER).await;
    for path in ["/all", "/little", "/part", "/parts", "/little", "/all"] {
        client.write_all(get(path).as_bytes()).await.expect("asked");
        let body = read(&mut client).await.expect("an answer");
        assert!(body == expected(&held, path), "{path}");
    }
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_turn() {
    let held = Arc::new(Held::new(LENGTH).await);
    let (mut client, _server) = serve(&held, FOREVER).await;
    let paths = ["/part", "/all", "/little", "/parts"];
    let requests: String = paths.map(get).concat();
    client
        .write_all(requests.as_bytes())
        .await
        .expect("all asked");
    for path in paths {
        let body = read(&mut client).await.expect("an answer");
        assert!(body == expected(&held, path), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_wants_no_second_answer_gets_the_first_to_its_end() {
    let held = Arc::new(Held::new(LENGTH).await);
    for request in [
        "GET /all HTTP/1.0\r\n\r\n",
        "GET /all HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let (mut client, server) = serve(&held, FOREVER).await;
        client.write_all(request.as_bytes()).await.expect("asked");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("an answer");
        assert!(answer.ends_with(&expected(&held, "/all")));
        server.await.expect("no panic").expect("a good end");
    }
}

#[tokio::test]
async fn a_file_that_nothing_is_cached_of_is_sent_as_it_is() {
    let held = Arc::new(Held::new(LENGTH).await);
    let (mut client, _server) = serve(&held, FOREVER).await;
    for path in ["/all", "/parts", "/little"] {
        fadvise(held.file(), 0, None, Advice::DontNeed).expect("a file");
        client.write_all(get(path).as_bytes()).await.expect("asked");
        let body = read(&mut client).await.expect("an answer");
        assert!(body == expected(&held, path), "{path}");
    }
}

#[tokio::test]
async fn a_file_that_became_shorter_breaks_the_connection() {
    let held = Arc::new(Held::new(LENGTH).await);
    held.file().set_len(2_000_000).expect("a disk");
    let (mut client, server) = serve(&held, FOREVER).await;
    client
        .write_all(get("/all").as_bytes())
        .await
        .expect("asked");
    let failure = read(&mut client).await.expect_err("the end is gone");
    assert_eq!(failure.kind(), io::ErrorKind::UnexpectedEof);
    server.await.expect("no panic").expect_err("it broke");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_a_file_is_given_up() {
    let held = Arc::new(Held::new(LENGTH).await);
    let (mut client, server) = serve(&held, Duration::from_mins(1)).await;
    client
        .write_all(get("/all").as_bytes())
        .await
        .expect("asked");
    server.await.expect("no panic").expect_err("nobody reads");
}

/// A part of a file, promised on a connection: its sender, its mark, and the other end.
async fn promised(blob: BlobReader, length: usize) -> (Sender, Arc<Promises>, Piece, TcpStream) {
    let (client, server) = ends().await;
    let promises = Arc::new(Promises::default());
    let sender = Sender::new(server, Arc::clone(&promises));
    let piece = promises.make(FilePart::new(blob, 1, length));
    (sender, promises, piece, client)
}

/// Writes a mark until all that it stands for is sent.
async fn send(sender: &mut Sender, piece: &mut Piece) -> io::Result<()> {
    while piece.has_remaining() {
        let sent = poll_fn(|context| {
            let slices = [IoSlice::new(piece.chunk())];
            Pin::new(&mut *sender).poll_write_vectored(context, &slices)
        });
        let sent = sent.await?;
        piece.advance(sent);
    }
    sender.flush().await
}

/// Sends a promised part while its client reads it.
async fn arrives(sender: &mut Sender, piece: &mut Piece, client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; piece.remaining()];
    let (sent, read) = tokio::join!(send(sender, piece), client.read_exact(&mut bytes));
    sent.expect("a client");
    read.expect("all of it");
    bytes
}

const MANY: usize = LENGTH as usize - 1;

#[tokio::test]
async fn a_file_that_the_kernel_does_not_send_is_read_and_written() {
    let held = Held::new(LENGTH).await;
    let (mut sender, promises, mut piece, mut client) = promised(held.blob(), MANY).await;
    promises.by_hand();
    let bytes = arrives(&mut sender, &mut piece, &mut client).await;
    assert!(bytes == held.content()[1..]);
}

#[tokio::test]
async fn no_file_is_promised_where_the_kernel_sends_none() {
    let held = Held::new(LENGTH).await;
    let promises = Arc::new(Promises::default());
    promises.by_hand();
    let body = Files::new(Arc::clone(&promises))
        .fill(answer(held.part(0, LENGTH.into())).into_body())
        .collect();
    let bytes = body.await.expect("a disk").to_bytes();
    assert!(bytes == *held.content());
    assert!(promises.next().is_none());
}

#[tokio::test]
async fn a_file_that_left_the_cache_while_its_client_was_slow_is_sent_all_the_same() {
    let held = Held::new(LENGTH).await;
    let (mut sender, _promises, mut piece, mut client) = promised(held.blob(), MANY).await;
    let mut start = vec![0; 500_000];
    tokio::select! {
        sent = send(&mut sender, &mut piece) => panic!("nobody reads, and {sent:?}"),
        read = client.read_exact(&mut start) => read.expect("some of it"),
    };
    fadvise(held.file(), 0, None, Advice::DontNeed).expect("a file");
    let mut rest = vec![0; MANY - start.len()];
    let (sent, read) = tokio::join!(send(&mut sender, &mut piece), client.read_exact(&mut rest));
    sent.expect("a client");
    read.expect("all of it");
    assert!([start, rest].concat() == held.content()[1..]);
}

#[tokio::test]
async fn a_file_cut_after_it_was_promised_breaks_the_connection() {
    let held = Held::new(LENGTH).await;
    let (mut sender, _promises, mut piece, _client) = promised(held.blob(), MANY).await;
    held.file().set_len(1).expect("a disk");
    let failure = send(&mut sender, &mut piece).await.expect_err("no file");
    assert_eq!(failure.kind(), io::ErrorKind::Other, "{failure}");
}

#[tokio::test]
async fn a_mark_that_is_written_as_bytes_is_refused() {
    let held = Held::new(LENGTH).await;
    let (mut sender, _promises, piece, _client) = promised(held.blob(), MANY).await;
    sender.write(piece.chunk()).await.expect_err("a mark");
}

#[tokio::test]
async fn a_mark_that_was_copied_breaks_the_connection() {
    let held = Held::new(LENGTH).await;
    let (mut sender, _promises, mut piece, _client) = promised(held.blob(), MANY).await;
    let copy = piece.copy_to_bytes(3);
    sender.write(&copy).await.expect_err("three marks");
    let slices = [IoSlice::new(&copy)];
    poll_fn(|context| Pin::new(&mut sender).poll_write_vectored(context, &slices))
        .await
        .expect_err("three marks");
}

#[tokio::test]
async fn a_mark_without_a_promise_sends_nothing() {
    let held = Held::new(LENGTH).await;
    let (mut sender, promises, mut piece, _client) = promised(held.blob(), MANY).await;
    promises.next().expect("the promise");
    send(&mut sender, &mut piece).await.expect_err("none left");
}

#[tokio::test]
async fn hyper_is_told_to_queue_and_not_to_copy() {
    let (_client, server) = ends().await;
    let (sender, _files) = pair(server);
    let stream = TokioIo::new(Stalling::new(sender, FOREVER));
    assert!(hyper::rt::Write::is_write_vectored(&stream));
}
