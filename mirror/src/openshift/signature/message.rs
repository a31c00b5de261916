//! Signed messages: what was signed, and the signatures over it.
//!
//! Owns their grammar (RFC 9580, section 10.3), as far as release signatures use it: signatures before, or
//! announced before and given behind, one literal text, all of which may be compressed once. Red Hat's own
//! are compressed. Whether a signature is good is found out elsewhere. Invariant: nothing unpacks to more
//! than [`MAX_UNPACKED`].

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use pgp::packet::{PacketHeader, Signature};
use pgp::types::Tag;

use super::packet::{Kind, Packet, Packets};
use super::unverified::Unverified;

/// What a message may take, in bytes.
pub(super) const MAX_MESSAGE: usize = 50 * 1024;
/// What it may unpack to.
const MAX_UNPACKED: usize = 64 * 1024;
/// How many may have signed it.
const MAX_SIGNATURES: usize = 8;

/// A signed message.
#[derive(Debug)]
pub(super) struct Message {
    /// What is signed.
    pub(super) body: Vec<u8>,
    /// At least one; nothing is known of them yet.
    pub(super) signatures: Vec<Signature>,
}

/// The parts of a message, in the order in which they were found.
#[derive(Default)]
struct Parts {
    /// Signatures that are to come behind the text.
    announced: usize,
    before: Vec<Signature>,
    body: Option<Vec<u8>>,
    behind: Vec<Signature>,
}

impl Message {
    /// Takes a message apart.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unverified> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Unverified::TooLarge { most: MAX_MESSAGE });
        }
        if bytes.is_empty() {
            return Err(malformed("it is empty"));
        }
        match packed(bytes)? {
            Some(packed) => Parts::of(&unpack(&packed)?),
            None => Parts::of(bytes),
        }?
        .into_message()
    }
}

impl Parts {
    fn of(bytes: &[u8]) -> Result<Self, Unverified> {
        let mut parts = Self::default();
        for packet in Packets::of(bytes) {
            parts.add(packet.map_err(broken)?)?;
        }
        Ok(parts)
    }

    fn add(&mut self, packet: Packet<'_>) -> Result<(), Unverified> {
        let Packet { kind, body } = packet;
        match kind {
            Kind::MARKER | Kind::PADDING => {}
            Kind::ONE_PASS_SIGNATURE if self.body.is_none() => self.announced += 1,
            Kind::SIGNATURE if self.body.is_none() => self.before.push(signature(&body)?),
            Kind::SIGNATURE => self.behind.push(signature(&body)?),
            Kind::LITERAL if self.body.is_none() => self.body = Some(text(&body)?.to_vec()),
            Kind::COMPRESSED => return Err(malformed("it is compressed more than once")),
            kind if kind.is_encrypted() => return Err(malformed("it is encrypted")),
            _ => return Err(malformed("it holds what belongs into no such message")),
        }
        if self.before.len() + self.behind.len() > MAX_SIGNATURES {
            return Err(malformed("too many have signed it"));
        }
        Ok(())
    }

    fn into_message(self) -> Result<Message, Unverified> {
        let Self {
            announced,
            before,
            body,
            behind,
        } = self;
        let Some(body) = body else {
            return Err(malformed("it does not hold what it signs"));
        };
        let (signatures, count) = match (before.len(), announced) {
            (0, announced) => (behind, announced),
            (before_count, 0) if behind.is_empty() => (before, before_count),
            _ => return Err(malformed("it is signed in two ways")),
        };
        if signatures.len() != count {
            return Err(malformed(
                "a signature is missing, or one too many is there",
            ));
        }
        if signatures.is_empty() {
            return Err(malformed("nobody has signed it"));
        }
        Ok(Message { body, signatures })
    }
}

/// The compressed packet that a message consists of, if it does.
fn packed(bytes: &[u8]) -> Result<Option<Vec<u8>>, Unverified> {
    let mut packets = Packets::of(bytes).filter(|packet| {
        let kind = packet.as_ref().map(|packet| packet.kind);
        !matches!(kind, Ok(Kind::MARKER | Kind::PADDING))
    });
    let first = packets.next().ok_or(malformed("it is empty"))?;
    let first = first.map_err(broken)?;
    if first.kind != Kind::COMPRESSED {
        return Ok(None);
    }
    match packets.next() {
        None => Ok(Some(first.body.into_owned())),
        Some(_) => Err(malformed("something follows it")),
    }
}

/// What is in a compressed packet (RFC 9580, section 5.6).
fn unpack(packed: &[u8]) -> Result<Vec<u8>, Unverified> {
    let (algorithm, packed) = packed.split_first().ok_or(malformed("it is cut short"))?;
    let most = MAX_UNPACKED as u64 + 1;
    let mut unpacked = Vec::new();
    let read = match algorithm {
        0 => packed.take(most).read_to_end(&mut unpacked),
        1 => DeflateDecoder::new(packed)
            .take(most)
            .read_to_end(&mut unpacked),
        2 => ZlibDecoder::new(packed)
            .take(most)
            .read_to_end(&mut unpacked),
        _ => return Err(malformed("it is compressed in a way that is not known")),
    };
    read.map_err(|_| malformed("it cannot be decompressed"))?;
    if unpacked.len() > MAX_UNPACKED {
        return Err(Unverified::TooLarge { most: MAX_UNPACKED });
    }
    Ok(unpacked)
}

/// What a literal packet holds, behind its mode, its name and its date (RFC 9580, section 5.9).
fn text(body: &[u8]) -> Result<&[u8], Unverified> {
    let name = body.get(1).copied().map(usize::from);
    let text = name.and_then(|name| body.get(2 + name + 4..));
    text.ok_or(malformed("it is cut short"))
}

fn signature(body: &[u8]) -> Result<Signature, Unverified> {
    let damaged = || malformed("a signature in it cannot be read");
    let length = u32::try_from(body.len()).map_err(|_| damaged())?;
    let header = PacketHeader::new_fixed(Tag::Signature, length);
    let mut rest = body;
    let signature = Signature::try_from_reader(header, &mut rest).map_err(|_| damaged())?;
    if rest.is_empty() {
        Ok(signature)
    } else {
        Err(damaged())
    }
}

fn malformed(what: &'static str) -> Unverified {
    Unverified::Malformed { what }
}

fn broken(broken: super::packet::Broken) -> Unverified {
    use super::packet::Broken;
    malformed(match broken {
        Broken::Short => "it is cut short",
        Broken::Strange => "it is something else",
    })
}
