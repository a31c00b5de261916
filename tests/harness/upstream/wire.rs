//! One connection, byte by byte: requests are read off it, and whatever a test wants is written.
//!
//! HTTP/1.1 by hand (RFC 9112), because a library would not let a test break its rules.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rustix::net::sockopt::set_socket_linger;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the head of a request may take, in bytes: more than any client of ours sends.
const MAX_HEAD: usize = 256 * 1024;

/// A connection, encrypted or not.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    socket: Arc<TcpStream>,
    unread: Vec<u8>,
}

/// A request as it came.
pub(super) struct Request {
    pub(super) method: Method,
    /// What stands behind the method: a path with a query, a URL or a host.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Both directions of a connection.
trait Stream: Read + Write {
    /// Says that nothing more will come.
    fn finish(&mut self);
}

/// A socket that is shared with whoever may close it.
struct Socket(Arc<TcpStream>);

impl Wire {
    /// Speaks TLS on a socket if there is a configuration for it.
    pub(super) fn new(socket: Arc<TcpStream>, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let plain = Socket(Arc::clone(&socket));
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(plain),
            Some(tls) => {
                let session = ServerConnection::new(tls).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(session, plain))
            }
        };
        Ok(Self {
            stream,
            socket,
            unread: Vec::new(),
        })
    }

    /// The next request; `None` when the peer has no more.
    pub(super) fn request(&mut self) -> io::Result<Option<Request>> {
        let head = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break self.unread.drain(..end + 4).collect::<Vec<_>>();
            }
            let is_strange = self
                .unread
                .first()
                .is_some_and(|byte| !byte.is_ascii_uppercase());
            if is_strange || self.unread.len() > MAX_HEAD || !self.fill()? {
                return Ok(None);
            }
        };
        let (method, target, headers) = parse(&head).ok_or(io::ErrorKind::InvalidData)?;
        let length = headers.get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|text| text.to_str().ok()?.parse().ok());
        let length: usize = length.unwrap_or(0);
        while self.unread.len() < length {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(Request {
            method,
            target,
            headers,
            body: self.unread.drain(..length).collect(),
        }))
    }

    /// Writes these bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Reads what comes next, whatever it is; nothing at the end.
    pub(super) fn receive(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// The socket below.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Closes the connection as one does who has said everything.
    pub(super) fn finish(mut self) {
        self.stream.finish();
    }

    /// Closes the connection so that the peer sees it reset, what is on its way included.
    pub(super) fn reset(self) {
        set_socket_linger(&*self.socket, Some(Duration::ZERO)).expect("a socket can be reset");
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.unread.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }
}

fn parse(head: &[u8]) -> Option<(Method, String, HeaderMap)> {
    let text = str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let method = words.next()?.parse().ok()?;
    let target = words.next()?.to_owned();
    let headers = lines.filter(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        let value: HeaderValue = value.trim().parse().ok()?;
        Some((name, value))
    });
    Some((method, target, headers.collect::<Option<HeaderMap>>()?))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

impl Stream for Socket {
    fn finish(&mut self) {
        // Where the peer was faster there is nothing left to close.
        drop(self.0.shutdown(std::net::Shutdown::Write));
    }
}

impl Stream for StreamOwned<ServerConnection, Socket> {
    fn finish(&mut self) {
        self.conn.send_close_notify();
        drop(self.flush());
        self.sock.finish();
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}
