//! One connection, byte by byte: for requests no client library would send.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

/// How long a read waits before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to the registry on which a test may say anything, or nothing, or stop half-way.
pub struct Connection {
    tcp: TcpStream,
    stream: Box<dyn Stream>,
}

impl Connection {
    pub(crate) fn open(
        address: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
        name: ServerName<'static>,
    ) -> Self {
        let tcp = TcpStream::connect(address).expect("connect to the registry");
        tcp.set_nodelay(true).expect("set TCP_NODELAY");
        tcp.set_read_timeout(Some(PATIENCE))
            .expect("set a read timeout");
        let inner = tcp.try_clone().expect("a second handle of a socket");
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(inner),
            Some(config) => {
                let session = ClientConnection::new(config, name).expect("begin TLS");
                Box::new(StreamOwned::new(session, inner))
            }
        };
        Self { tcp, stream }
    }

    /// Says these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("send to the registry");
    }

    /// Says these bytes, if the other side still listens.
    ///
    /// # Errors
    ///
    /// The socket's error once the registry has closed or reset the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream
            .write_all(bytes.as_ref())
            .and_then(|()| self.stream.flush())
    }

    /// Reads the head of one answer: its status line and headers, up to the empty line.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1..) => head.push(byte[0]),
                Ok(0) => break,
                Err(error) => panic!("wait for an answer after {:?}: {error}", lossy(&head)),
            }
        }
        lossy(&head)
    }

    /// Reads exactly this many bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream
            .read_exact(&mut bytes)
            .expect("the bytes that were promised");
        bytes
    }

    /// Reads until the registry closes the connection; a reset ends it as well.
    pub fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if timed_out(&error) => {
                    panic!(
                        "the registry keeps the connection open after {:?}",
                        lossy(&all)
                    )
                }
                Err(_) => break,
            }
        }
        lossy(&all)
    }

    /// Cuts the connection without a word of farewell.
    pub fn cut(self) {
        // A socket that is gone already is as cut as can be.
        drop(self.tcp.shutdown(Shutdown::Both));
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
