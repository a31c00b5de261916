//! Clients of HTTP/2 that no library would be: they answer every ping, and take what they like.

use std::future::ready;
use std::task::{Context, Poll, ready as or_pending};

use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, Sleep, sleep};

use super::*;

/// Longer than anything here is patient.
const LONG: Duration = Duration::from_mins(30);
/// From the last movement until a connection is given up: it winds down first. Pings are in between.
const GIVEN_UP: Duration = Duration::from_mins(3);

/// The kinds of frames that are used here (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
/// Flags: the last frame of a stream, a head that is whole, an answer to settings or to a ping.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// `GET https:/` (RFC 7541 appendix A).
const GET: [u8; 3] = [0x82, 0x87, 0x84];
/// `POST https:/`.
const POST: [u8; 3] = [0x83, 0x87, 0x84];

/// The client's end of a connection; the server's runs as a task.
struct Client(DuplexStream);

/// What came of an answer.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    bytes: usize,
    whole: bool,
}

impl Client {
    /// Connects to what answers so, and says that no answer may send a byte before it is asked for.
    async fn open<A, F, B>(answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Send + Unpin + 'static,
    {
        let mut client = Self::connect(answer);
        let preface = client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        preface.await.expect("the server listens");
        // SETTINGS_INITIAL_WINDOW_SIZE is nothing.
        client.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
        client
    }

    /// Connects, and says nothing.
    fn connect<A, F, B>(answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Send + Unpin + 'static,
    {
        let (theirs, ours) = duplex(BUFFER);
        let tasks = Tasks::new();
        let connection = {
            let tasks = tasks.clone();
            async move { http2(ours, answer, tasks.clone(), &tasks.stopping()).await }
        };
        tasks.spawn(connection);
        Self(theirs)
    }

    /// Sends a frame; the server may be gone.
    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).expect("a frame is short");
        let head = [
            &len.to_be_bytes()[1..],
            &[kind, flags],
            &stream.to_be_bytes(),
        ];
        let _ = self.0.write_all(&[&head.concat(), payload].concat()).await;
    }

    /// Answers pings until the server ends the connection or the answer is whole. With each ping it
    /// makes `room` for so many bytes of the answer, and sends so many of the request.
    async fn linger(&mut self, room: u32, sends: usize) -> Taken {
        let end = timeout(4 * LONG, self.follow(room, sends)).await;
        end.expect("no connection is kept for ever")
    }

    async fn follow(&mut self, room: u32, sends: usize) -> Taken {
        let mut taken = Taken::default();
        while let Some((kind, flags, payload)) = self.frame().await {
            match kind {
                DATA => {
                    taken.bytes += payload.len();
                    taken.whole = flags & END_STREAM != 0;
                }
                SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]).await,
                PING if flags & ACK == 0 => {
                    self.send(PING, ACK, 0, &payload).await;
                    if room > 0 {
                        self.send(WINDOW_UPDATE, 0, 1, &room.to_be_bytes()).await;
                    }
                    if sends > 0 {
                        self.send(DATA, 0, 1, &vec![0; sends]).await;
                    }
                }
                _ => {}
            }
            if taken.whole {
                break;
            }
        }
        taken
    }

    /// The next frame's kind, flags and payload; none once the server has hung up.
    async fn frame(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; len as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }
}

/// An answer that comes in two halves, with a wait between them.
struct Late {
    halves: usize,
    wait: Pin<Box<Sleep>>,
}

impl Body for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.halves {
            0 => return Poll::Ready(None),
            1 => or_pending!(self.wait.as_mut().poll(context)),
            _ => {}
        }
        self.halves -= 1;
        Poll::Ready(Some(Ok(Frame::data("ab".into()))))
    }
}

fn full(bytes: usize) -> Response<Full<Bytes>> {
    Response::new(Full::new(vec![0; bytes].into()))
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_given_up_however_alive_its_client_is() {
    let began = Instant::now();
    let mut client = Client::open(|_| ready(full(1000))).await;
    for stream in [1, 3, 5] {
        client
            .send(HEADERS, END_STREAM | END_HEADERS, stream, &GET)
            .await;
    }
    assert_eq!(client.linger(0, 0).await, Taken::default());
    assert!(began.elapsed() < GIVEN_UP, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_rest_is_never_taken_is_given_up() {
    let began = Instant::now();
    let mut client = Client::open(|_| ready(full(1000))).await;
    client
        .send(HEADERS, END_STREAM | END_HEADERS, 1, &GET)
        .await;
    client
        .send(WINDOW_UPDATE, 0, 1, &10_u32.to_be_bytes())
        .await;
    let taken = client.linger(0, 0).await;
    assert_eq!((taken.bytes, taken.whole), (10, false));
    assert!(began.elapsed() < GIVEN_UP, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up() {
    let began = Instant::now();
    let mut client = Client::connect(|_| ready(full(0)));
    let end = timeout(LONG, client.0.read_to_end(&mut Vec::new())).await;
    end.expect("the server hangs up")
        .expect("nothing fails here");
    assert!(began.elapsed() < GIVEN_UP, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_byte_at_a_time_is_served_to_the_end() {
    let began = Instant::now();
    let mut client = Client::open(|_| ready(full(60))).await;
    client
        .send(HEADERS, END_STREAM | END_HEADERS, 1, &GET)
        .await;
    let taken = client.linger(1, 0).await;
    assert_eq!((taken.bytes, taken.whole), (60, true));
    assert!(began.elapsed() >= LONG, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_its_answer_is_answered() {
    let answer = |_| async {
        sleep(LONG).await;
        full(1)
    };
    let mut client = Client::open(answer).await;
    client
        .send(HEADERS, END_STREAM | END_HEADERS, 1, &GET)
        .await;
    assert!(client.linger(1, 0).await.whole);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_more_of_its_answer_gets_it() {
    let answer = |_| {
        ready(Response::new(Late {
            halves: 2,
            wait: Box::pin(sleep(LONG)),
        }))
    };
    let mut client = Client::open(answer).await;
    client
        .send(HEADERS, END_STREAM | END_HEADERS, 1, &GET)
        .await;
    let taken = client.linger(100, 0).await;
    assert_eq!((taken.bytes, taken.whole), (4, true));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_a_little_at_a_time_is_heard_to_the_end() {
    let answer = |request: Request<Incoming>| async {
        let mut body = request.into_body();
        for _ in 0..60 {
            body.frame().await.expect("more").expect("whole");
        }
        full(1)
    };
    let began = Instant::now();
    let mut client = Client::open(answer).await;
    client.send(HEADERS, END_HEADERS, 1, &POST).await;
    assert!(client.linger(1, 1).await.whole);
    assert!(began.elapsed() >= LONG, "{:?}", began.elapsed());
}
