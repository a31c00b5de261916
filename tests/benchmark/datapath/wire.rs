//! One connection and HTTP/1.1 on it, with as little work as can be: the client must cost less than the
//! server. Whoever asks checks the status and the length of each answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ClientConnection, StreamOwned};

use crate::target::{Target, loopback};

/// What is read at once.
const BUFFER: usize = 64 * 1024;

/// A connection to a target.
pub(crate) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    filled: usize,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// The head of an answer, as far as anybody wants to know it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) length: u64,
    pub(crate) location: Option<String>,
}

impl Wire {
    /// Connects, and shakes hands where there is TLS.
    pub(crate) fn connect(target: &Target) -> Self {
        let tcp = TcpStream::connect(target.address).expect("connect to a contestant");
        tcp.set_nodelay(true).expect("a socket of ours");
        let stream = match &target.trust {
            None => Stream::Plain(tcp),
            Some(trust) => {
                let session = ClientConnection::new(Arc::clone(&trust.config), loopback());
                let mut stream = StreamOwned::new(session.expect("a configuration"), tcp);
                while stream.conn.is_handshaking() {
                    let shaken = stream.conn.complete_io(&mut stream.sock);
                    shaken.expect("a handshake");
                }
                Stream::Tls(Box::new(stream))
            }
        };
        Self {
            stream,
            buffer: vec![0; BUFFER],
            filled: 0,
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let sent = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
        sent.expect("a contestant takes what it is sent");
    }

    /// The head of the next answer; what has come of its body stays with the connection.
    pub(crate) fn answer(&mut self) -> Answer {
        loop {
            if let Some((answer, end)) = parse(&self.buffer[..self.filled]) {
                self.buffer.copy_within(end..self.filled, 0);
                self.filled -= end;
                return answer;
            }
            self.fill();
        }
    }

    /// Reads an answer of this status to its end and returns its head.
    ///
    /// # Panics
    /// When it has another.
    pub(crate) fn finish(&mut self, status: u16, what: &str) -> Answer {
        let answer = self.answer();
        let mut left = answer.length;
        loop {
            let here = self.filled.min(usize::try_from(left).unwrap_or(usize::MAX));
            assert_eq!(answer.status, status, "{what}: {}", self.text(here));
            self.buffer.copy_within(here..self.filled, 0);
            self.filled -= here;
            left -= here as u64;
            if left == 0 {
                return answer;
            }
            self.fill();
        }
    }

    /// Gives the socket away, with how many bytes of a body have been read from it.
    ///
    /// # Panics
    /// When there is TLS: what has come is not what was sent.
    pub(crate) fn into_plain(self) -> (TcpStream, u64) {
        match self.stream {
            Stream::Plain(stream) => (stream, self.filled as u64),
            Stream::Tls(_) => panic!("a plain connection is asked for"),
        }
    }

    /// Gives the socket below TLS away.
    pub(crate) fn into_socket(self) -> TcpStream {
        match self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.sock,
        }
    }

    fn fill(&mut self) {
        let free = &mut self.buffer[self.filled..];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(free),
            Stream::Tls(stream) => stream.read(free),
        };
        let read = read.expect("a contestant answers");
        assert!(read > 0, "a contestant hung up in the middle of an answer");
        self.filled += read;
    }

    fn text(&self, length: usize) -> String {
        String::from_utf8_lossy(&self.buffer[..length]).into_owned()
    }
}

/// The request for a path, with the target's login.
pub(crate) fn get(target: &Target, path: &str) -> Vec<u8> {
    request(target, "GET", path, "").into_bytes()
}

/// The head of any request; `more` are whole lines.
pub(crate) fn request(target: &Target, method: &str, path: &str, more: &str) -> String {
    let login = target.token.as_ref();
    let login = login.map_or_else(String::new, |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: benchmark\r\n\
         accept: application/vnd.oci.image.manifest.v1+json, */*\r\n{login}{more}\r\n",
        target.address
    )
}

/// A head that is whole, and where it ends.
///
/// # Panics
/// When it is none.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head in text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut answer = Answer {
        status: status.and_then(|code| code.parse().ok()).expect("a status"),
        length: 0,
        location: None,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("content-length") {
            answer.length = value.parse().expect("a length");
        } else if name.eq_ignore_ascii_case("location") {
            answer.location = Some(value.to_owned());
        }
    }
    Some((answer, end + 4))
}
