//! Many connections that ask for one small thing again and again, each as soon as it has its answer.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;

use crate::fleet::Target;
use crate::row::{Sample, Watch};
use crate::wire::{get, loopback, parse};

/// How long the crowd asks before it is measured.
const WARM_UP: Duration = Duration::from_millis(200);

/// What one connection saw: how long each answer took, in seconds.
type Latencies = Vec<f32>;

/// Asks for `path` over this many connections at once for as long as `window`.
pub(crate) fn ask(target: &Target, path: &str, connections: usize, window: Duration) -> Sample {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the clients");
    LocalSet::new().block_on(&runtime, async {
        let request: Rc<[u8]> = get(target, path).into();
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(connect(target).await.expect("connect to a contestant"));
        }
        let begin = Instant::now() + WARM_UP;
        let end = begin + window;
        let asking: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                tokio::task::spawn_local(again_and_again(stream, Rc::clone(&request), begin, end))
            })
            .collect();
        tokio::time::sleep_until(begin.into()).await;
        let watch = Watch::begin(target);
        let mut latencies = Latencies::new();
        for asked in asking {
            latencies.extend(asked.await.expect("a client does not fail"));
        }
        watch.end(latencies)
    })
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

async fn connect(target: &Target) -> io::Result<Box<dyn Duplex>> {
    let tcp = TcpStream::connect(target.address).await?;
    tcp.set_nodelay(true)?;
    match &target.tls {
        None => Ok(Box::new(tcp)),
        Some(config) => {
            let connector = TlsConnector::from(Arc::clone(config));
            Ok(Box::new(connector.connect(loopback(), tcp).await?))
        }
    }
}

async fn again_and_again(
    mut stream: Box<dyn Duplex>,
    request: Rc<[u8]>,
    begin: Instant,
    end: Instant,
) -> Latencies {
    let mut latencies = Latencies::new();
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let asked = Instant::now();
        if asked >= end {
            return latencies;
        }
        stream
            .write_all(&request)
            .await
            .expect("a contestant listens");
        whole(&mut *stream, &mut buffer).await;
        // What began before the window is left out.
        if asked >= begin {
            latencies.push(asked.elapsed().as_secs_f32());
        }
    }
}

/// Reads one answer to its end.
async fn whole(stream: &mut dyn Duplex, buffer: &mut [u8]) {
    let mut filled = 0;
    let mut wanted = None;
    while wanted.is_none_or(|wanted| filled < wanted) {
        let read = stream.read(&mut buffer[filled..]).await;
        let read = read.expect("a contestant answers");
        assert!(read > 0, "a contestant hung up in the middle of an answer");
        filled += read;
        if wanted.is_none()
            && let Some((answer, end)) = parse(&buffer[..filled])
        {
            assert_eq!(answer.status, 200, "an answer of a contestant");
            wanted = Some(end + usize::try_from(answer.length).expect("a small answer"));
        }
    }
    assert_eq!(wanted, Some(filled), "an answer ends where it says");
}
