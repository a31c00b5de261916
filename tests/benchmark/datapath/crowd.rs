//! Many connections that ask for one small thing again and again, each as soon as it has its answer.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsConnector;

use crate::sample::{Sample, Watch};
use crate::target::{Target, loopback};
use crate::wire::{get, parse};

/// How long the crowd asks before it is measured, at least.
const WARM_UP: Duration = Duration::from_millis(200);

/// The largest answer, with its head.
const ANSWER: usize = 32 * 1024;

/// How long each answer took, in seconds.
type Latencies = Vec<f32>;

/// Asks for `path` over this many connections at once for as long as `window`, once each of them has had
/// an answer. What begins within it counts, and the measurement lasts until all of that has been answered.
pub(crate) fn ask(target: &Target, path: &str, connections: usize, window: Duration) -> Sample {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the clients");
    LocalSet::new().block_on(&runtime, async {
        let request: Rc<[u8]> = get(target, path).into();
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(connect(target).await.expect("connect to a contestant"));
        }
        let pace = Rc::new(Pace::new(target.pid, connections, window));
        let asking = streams.into_iter().map(|stream| {
            let asker = Asker::new(stream, Rc::clone(&request));
            spawn_local(asker.ask(Rc::clone(&pace)))
        });
        let asking: Vec<_> = asking.collect();
        let mut latencies = Latencies::new();
        for asked in asking {
            latencies.extend(asked.await.expect("a client does not fail"));
        }
        pace.watch().end().of_requests(latencies)
    })
}

/// When asking counts: shared by the crowd, which runs on one thread.
struct Pace {
    pid: u32,
    window: Duration,
    /// Not before this.
    earliest: Instant,
    /// How many have had no answer yet. A server that works on all of a large crowd at once answers
    /// nobody for longer than the whole window.
    waiting: Cell<usize>,
    begun: Cell<Option<Instant>>,
    watch: Cell<Option<Watch>>,
}

impl Pace {
    fn new(pid: u32, connections: usize, window: Duration) -> Self {
        Self {
            pid,
            window,
            earliest: Instant::now() + WARM_UP,
            waiting: Cell::new(connections),
            begun: Cell::new(None),
            watch: Cell::new(None),
        }
    }

    /// Somebody had the first answer.
    fn arrive(&self) {
        self.waiting.set(self.waiting.get() - 1);
    }

    /// Whether what is asked at `now` counts; the first time that it does, watching begins.
    fn counts(&self, now: Instant) -> bool {
        if self.begun.get().is_none() && self.waiting.get() == 0 && now >= self.earliest {
            self.watch.set(Some(Watch::begin(self.pid)));
            self.begun.set(Some(now));
        }
        self.begun.get().is_some()
    }

    fn is_over(&self, now: Instant) -> bool {
        let begun = self.begun.get();
        begun.is_some_and(|begun| now >= begun + self.window)
    }

    fn watch(&self) -> Watch {
        self.watch.take().expect("nobody ends before it began")
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

async fn connect(target: &Target) -> io::Result<Box<dyn Duplex>> {
    let tcp = TcpStream::connect(target.address).await?;
    tcp.set_nodelay(true)?;
    match &target.trust {
        None => Ok(Box::new(tcp)),
        Some(trust) => {
            let connector = TlsConnector::from(Arc::clone(&trust.config));
            Ok(Box::new(connector.connect(loopback(), tcp).await?))
        }
    }
}

/// One connection of the crowd.
struct Asker {
    stream: Box<dyn Duplex>,
    request: Rc<[u8]>,
    buffer: Vec<u8>,
    /// What the last answer looked like; the next one most likely does too.
    shape: Option<Shape>,
}

/// How long the head of an answer is, and all of it.
#[derive(Clone, Copy)]
struct Shape {
    head: usize,
    whole: usize,
}

impl Asker {
    fn new(stream: Box<dyn Duplex>, request: Rc<[u8]>) -> Self {
        Self {
            stream,
            request,
            buffer: vec![0; ANSWER],
            shape: None,
        }
    }

    async fn ask(mut self, pace: Rc<Pace>) -> Latencies {
        let mut latencies = Latencies::new();
        let mut is_first = true;
        loop {
            let asked = Instant::now();
            if pace.is_over(asked) {
                return latencies;
            }
            let counts = pace.counts(asked);
            let sent = self.stream.write_all(&self.request).await;
            sent.expect("a contestant listens");
            self.answer().await;
            if counts {
                latencies.push(asked.elapsed().as_secs_f32());
            }
            if is_first {
                pace.arrive();
                is_first = false;
            }
        }
    }

    /// Reads one answer to its end, which must be where it says.
    async fn answer(&mut self) {
        let mut filled = 0;
        let mut parsed: Option<Shape> = None;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await;
            let read = read.expect("a contestant answers");
            assert!(read > 0, "a contestant hung up in the middle of an answer");
            filled += read;
            let come = &self.buffer[..filled];
            if self.shape.is_some_and(|shape| shape.fits(come)) {
                return;
            }
            parsed = parsed.or_else(|| Shape::of(come));
            if let Some(shape) = parsed
                && filled >= shape.whole
            {
                assert_eq!(filled, shape.whole, "an answer ends where it says");
                self.shape = parsed;
                return;
            }
        }
    }
}

impl Shape {
    /// The shape of an answer whose head has come.
    fn of(come: &[u8]) -> Option<Self> {
        let (answer, head) = parse(come)?;
        assert_eq!(answer.status, 200, "an answer of a contestant");
        let body = usize::try_from(answer.length).expect("a small answer");
        Some(Self {
            head,
            whole: head + body,
        })
    }

    /// Whether this is such an answer, whole: what [`Shape::of`] would find out with more work.
    fn fits(self, come: &[u8]) -> bool {
        come.len() == self.whole
            && come.starts_with(b"HTTP/1.1 200")
            && come[..self.head].ends_with(b"\r\n\r\n")
    }
}
