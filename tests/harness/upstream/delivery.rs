//! How an answer is sent, with all that goes wrong on the way.
//!
//! Invariant: without faults an answer is what HTTP asks for, and the connection is good for more.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, StatusCode};

use super::asked::{Asked, Log};
use super::fault::{At, Fault};
use super::reply::Reply;
use super::server::Halt;
use super::wire::Wire;

/// How much of a body is written at once.
const PIECE: usize = 64 * 1024;

/// What stands for "without an end", in bytes: more than anybody should take, and less than would take
/// this machine down with whoever does.
const ENDLESS: usize = 256 * 1024 * 1024;

/// An answer to be sent.
pub(super) struct Delivery<'a> {
    asked: &'a Asked,
    log: &'a Log,
    halt: &'a Halt,
    faults: &'a [Fault],
    reply: Reply,
}

/// Where an answer has come to.
enum Way {
    /// It goes on.
    On,
    /// The connection is to be closed.
    Cut,
    /// The connection is to be reset.
    Reset,
}

impl<'a> Delivery<'a> {
    /// Prepares an answer: those faults that concern what it says happen here.
    pub(super) fn new(
        asked: &'a Asked,
        log: &'a Log,
        halt: &'a Halt,
        faults: &'a [Fault],
        reply: Reply,
    ) -> Self {
        let reply = faults.iter().fold(reply, |reply, fault| match fault {
            Fault::Appended(count) => {
                let more = usize::try_from(*count).expect("it fits into memory");
                let mut bytes: Vec<u8> = reply.pieces().flatten().collect();
                bytes.resize(bytes.len() + more, b'+');
                reply.body(bytes)
            }
            Fault::Gzip => {
                let body = compress(&reply.body.whole());
                reply.body(body).header("content-encoding", "gzip")
            }
            Fault::Set(name, value) => reply.header(name, value),
            Fault::Without(name) => reply.without(name),
            _ => reply,
        });
        Self {
            asked,
            log,
            halt,
            faults,
            reply,
        }
    }

    /// Sends it; the connection comes back if it can be used again.
    pub(super) fn send(self, mut wire: Wire) -> io::Result<Option<Wire>> {
        for fault in self.faults {
            if let Fault::Delay(span) = fault {
                self.halt.pause(*span)?;
            }
        }
        let way = match self.reach(At::Start)? {
            Way::On => {
                self.header(&mut wire)?;
                self.body(&mut wire)?
            }
            way => way,
        };
        match way {
            Way::On => return Ok(Some(wire)),
            Way::Cut => wire.finish(),
            Way::Reset => wire.reset(),
        }
        Ok(None)
    }

    fn header(&self, wire: &mut Wire) -> io::Result<()> {
        let status = StatusCode::from_u16(self.reply.status).expect("a status of three digits");
        let mut lines = vec![format!("HTTP/1.1 {status}")];
        let headers = self.reply.headers.iter();
        lines.extend(headers.map(|(name, value)| format!("{name}: {value}")));
        if self.is_chunked() {
            lines.push("transfer-encoding: chunked".to_owned());
        } else if self.reply.status != 204 {
            lines.push(format!("content-length: {}", self.reply.length()));
        }
        let head = lines.join("\r\n");
        wire.send(head.as_bytes())?;
        if self.is(|fault| matches!(fault, Fault::EndlessHeader)) {
            let line = format!("\r\nx-and-so-on: {}", "and so on ".repeat(100));
            for _ in 0..ENDLESS / line.len() {
                wire.send(line.as_bytes())?;
            }
        }
        wire.send(b"\r\n\r\n")
    }

    fn body(&self, wire: &mut Wire) -> io::Result<Way> {
        if self.asked.method == Method::HEAD {
            return Ok(Way::On);
        }
        let mut place = 0;
        for mut piece in self.reply.pieces() {
            while !piece.is_empty() {
                match self.reach(At::Byte(place))? {
                    Way::On => {}
                    way => return Ok(way),
                }
                let count = self.step(place, piece.len())?;
                self.piece(wire, place, piece.split_to(count))?;
                place += count as u64;
            }
        }
        match self.reach(At::Byte(place))? {
            Way::On => {}
            way => return Ok(way),
        }
        if self.is(|fault| matches!(fault, Fault::EndlessBody)) {
            for _ in 0..ENDLESS / PIECE {
                self.piece(wire, place, vec![0; PIECE].into())?;
            }
            return Ok(Way::Cut);
        }
        if self.is_chunked() {
            wire.send(b"0\r\n\r\n")?;
        }
        for fault in self.faults {
            if let Fault::Trailing(count) = fault {
                wire.send(&vec![b'+'; *count])?;
            }
        }
        Ok(Way::On)
    }

    /// What happens at this place of the answer.
    fn reach(&self, here: At) -> io::Result<Way> {
        for fault in self.faults {
            match fault {
                Fault::Cut(at) if *at == here => return Ok(Way::Cut),
                Fault::Hold(at, gate) if *at == here => gate.pass(self.halt)?,
                Fault::Reset(at) if *at == here => return Ok(Way::Reset),
                _ => {}
            }
        }
        Ok(Way::On)
    }

    /// How many bytes can be sent from this place on before something happens.
    fn step(&self, place: u64, left: usize) -> io::Result<usize> {
        let mut count = left.min(PIECE);
        for fault in self.faults {
            match fault {
                Fault::Cut(At::Byte(at))
                | Fault::Hold(At::Byte(at), _)
                | Fault::Reset(At::Byte(at))
                    if *at > place =>
                {
                    let before = usize::try_from(at - place).unwrap_or(usize::MAX);
                    count = count.min(before);
                }
                Fault::Drip(size, pause) => {
                    count = count.min(*size);
                    self.halt.pause(*pause)?;
                }
                _ => {}
            }
        }
        Ok(count)
    }

    fn piece(&self, wire: &mut Wire, place: u64, piece: Bytes) -> io::Result<()> {
        let mut bytes = Vec::from(piece);
        for fault in self.faults {
            if let Fault::Flipped(at) = fault
                && let Some(offset) = at.checked_sub(place)
                && let Some(byte) = usize::try_from(offset)
                    .ok()
                    .and_then(|at| bytes.get_mut(at))
            {
                *byte = !*byte;
            }
        }
        if self.is_chunked() {
            wire.send(format!("{:x}\r\n", bytes.len()).as_bytes())?;
        }
        // First, so that whoever has the bytes finds them in the log.
        self.log.sent(self.asked, bytes.len());
        wire.send(&bytes)?;
        if self.is_chunked() {
            wire.send(b"\r\n")?;
        }
        Ok(())
    }

    fn is_chunked(&self) -> bool {
        self.is(|fault| matches!(fault, Fault::Chunked | Fault::EndlessBody))
    }

    fn is(&self, kind: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(kind)
    }
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory takes everything")
}
