//! HTTP/2, frame by frame (RFC 9113): for clients that no library would be.

use harness::{Client, Connection};

/// A frame has at most this many bytes unless more was agreed on.
pub(super) const FRAME: usize = 16 * 1024;

/// The header block of `GET` of this path (RFC 7541): indexed method and scheme, literal path and host.
pub(super) fn get(path: &str) -> Vec<u8> {
    const METHOD_GET: u8 = 0x82;
    const SCHEME_HTTPS: u8 = 0x87;
    const PATH: u8 = 0x04;
    const AUTHORITY: u8 = 0x01;
    let mut block = vec![METHOD_GET, SCHEME_HTTPS];
    for (name, value) in [(PATH, path), (AUTHORITY, "x")] {
        let len = u8::try_from(value.len()).ok().filter(|len| *len < 127);
        block.extend([name, len.expect("lengths below 127 have one byte")]);
        block.extend(value.bytes());
    }
    block
}

/// What a frame is, and the flags that are used here.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    /// `HEADERS` that end both the request and, if said so, its head.
    Headers { end: bool },
    /// `RST_STREAM`.
    Reset,
    /// `SETTINGS`.
    Settings,
    /// `PING`.
    Ping,
    /// `CONTINUATION` that does not end the head.
    Continuation,
}

/// The bytes of a frame.
pub(super) fn frame(kind: Frame, stream: u32, payload: &[u8]) -> Vec<u8> {
    let (kind, flags) = match kind {
        Frame::Headers { end: true } => (1, 0x05),
        Frame::Headers { end: false } => (1, 0x01),
        Frame::Reset => (3, 0),
        Frame::Settings => (4, 0),
        Frame::Ping => (6, 0),
        Frame::Continuation => (9, 0),
    };
    let len = u32::try_from(payload.len())
        .expect("a frame is short")
        .to_be_bytes();
    let head = [&len[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// A connection over which HTTP/2 was agreed on and begun, with these settings.
#[track_caller]
pub(super) fn open(client: &Client, settings: &[u8]) -> Connection {
    let mut connection = client.clone().http2().connect();
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.send(frame(Frame::Settings, 0, settings));
    connection
}
