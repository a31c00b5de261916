//! Packets of `OpenPGP`: where each of them begins and ends, and of which kind it is (RFC 9580, section 4).
//!
//! What lies in a packet is read elsewhere. Invariant: a packet is no larger than the bytes it was cut
//! from, whatever its header says.

use std::borrow::Cow;

use thiserror::Error;

/// The least first part of a packet that comes in parts (RFC 9580, section 4.2.1.4).
const LEAST_FIRST_PART: usize = 512;

/// What a packet is, by the number of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    pub(super) const SIGNATURE: Self = Self(2);
    pub(super) const ONE_PASS_SIGNATURE: Self = Self(4);
    pub(super) const SECRET_KEY: Self = Self(5);
    pub(super) const PUBLIC_KEY: Self = Self(6);
    pub(super) const SECRET_SUBKEY: Self = Self(7);
    pub(super) const COMPRESSED: Self = Self(8);
    pub(super) const MARKER: Self = Self(10);
    pub(super) const LITERAL: Self = Self(11);
    pub(super) const TRUST: Self = Self(12);
    pub(super) const USER_ID: Self = Self(13);
    pub(super) const PUBLIC_SUBKEY: Self = Self(14);
    pub(super) const USER_ATTRIBUTE: Self = Self(17);
    pub(super) const PADDING: Self = Self(21);

    /// Whether it belongs to something encrypted.
    pub(super) fn is_encrypted(self) -> bool {
        matches!(self.0, 1 | 3 | 9 | 18 | 20)
    }

    /// Whether its length need not be known at its start.
    fn may_be_open(self) -> bool {
        matches!(self, Self::COMPRESSED | Self::LITERAL)
    }
}

/// A packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    /// Without its header; put together if it came in parts.
    pub(super) body: Cow<'a, [u8]>,
}

/// Bytes that are no packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Broken {
    #[error("it is cut short")]
    Short,
    #[error("it is no OpenPGP")]
    Strange,
}

/// Cuts packets off the front of bytes, until they are used up or cannot be understood.
pub(super) struct Packets<'a>(&'a [u8]);

impl<'a> Packets<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Broken::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, Broken> {
        Ok(self.take(1)?[0])
    }

    /// A number of `size` octets, which fits into a length.
    fn number(&mut self, size: usize) -> Result<usize, Broken> {
        let octets = self.take(size)?.iter();
        Ok(octets.fold(0, |number, octet| number << 8 | usize::from(*octet)))
    }

    fn packet(&mut self) -> Result<Packet<'a>, Broken> {
        let first = self.octet()?;
        match first >> 6 {
            0b11 => self.packet_of(Kind(first & 0x3f)),
            0b10 => self.old_packet_of(Kind(first >> 2 & 0x0f), first & 0b11),
            _ => Err(Broken::Strange),
        }
    }

    /// The rest of a packet with a header of the kind that `GnuPG` still writes (section 4.2.2).
    fn old_packet_of(&mut self, kind: Kind, length_type: u8) -> Result<Packet<'a>, Broken> {
        let length = match length_type {
            0 => self.number(1)?,
            1 => self.number(2)?,
            2 => self.number(4)?,
            _ if kind.may_be_open() => self.0.len(),
            _ => return Err(Broken::Strange),
        };
        let body = self.take(length)?.into();
        Ok(Packet { kind, body })
    }

    /// The rest of any other packet (section 4.2.1).
    fn packet_of(&mut self, kind: Kind) -> Result<Packet<'a>, Broken> {
        let mut parts: Vec<u8> = Vec::new();
        loop {
            let first = self.octet()?;
            let length = match first {
                0..=191 => usize::from(first),
                192..=223 => ((usize::from(first) - 192) << 8) + 192 + self.number(1)?,
                224..=254 => {
                    let length = 1 << (first & 0x1f);
                    if !kind.may_be_open() || parts.is_empty() && length < LEAST_FIRST_PART {
                        return Err(Broken::Strange);
                    }
                    parts.extend_from_slice(self.take(length)?);
                    continue;
                }
                255 => self.number(4)?,
            };
            let last = self.take(length)?;
            if parts.is_empty() {
                let body = last.into();
                return Ok(Packet { kind, body });
            }
            parts.extend_from_slice(last);
            let body = parts.into();
            return Ok(Packet { kind, body });
        }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let packet = self.packet();
        if packet.is_err() {
            self.0 = &[];
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<(Kind, &[u8]), Broken>) {
        let found = Packets::of(bytes).next().expect("something is there");
        let found = found.map(|packet| (packet.kind, packet.body.into_owned()));
        assert_eq!(found, expected.map(|(kind, body)| (kind, body.to_vec())));
    }

    #[test]
    fn a_packet_ends_where_its_header_says() {
        check(&[0xc2, 2, 7, 8, 9], Ok((Kind::SIGNATURE, &[7, 8])));
        check(&[0x88, 1, 7, 8], Ok((Kind::SIGNATURE, &[7])));
        check(&[0x89, 0, 1, 7], Ok((Kind::SIGNATURE, &[7])));
        check(&[0x8a, 0, 0, 0, 1, 7], Ok((Kind::SIGNATURE, &[7])));
        check(&[0xc2, 255, 0, 0, 0, 1, 7], Ok((Kind::SIGNATURE, &[7])));
        check(&[0xc2, 0], Ok((Kind::SIGNATURE, &[])));
        let long = [&[0xcb, 192, 8][..], &[7; 200]].concat();
        check(&long, Ok((Kind::LITERAL, &[7; 200])));
    }

    #[test]
    fn data_may_come_in_parts_or_without_an_end() {
        let parts = [&[0xcb, 224 + 9][..], &[1; 512], &[225, 2, 2, 1, 3]].concat();
        let whole = [&[1; 512][..], &[2, 2, 3]].concat();
        check(&parts, Ok((Kind::LITERAL, &whole)));
        check(&[0xa3, 1, 2, 3], Ok((Kind::COMPRESSED, &[1, 2, 3])));
    }

    #[test]
    fn what_is_cut_short_or_no_packet_is_refused() {
        check(&[0xc2], Err(Broken::Short));
        check(&[0xc2, 3, 1, 2], Err(Broken::Short));
        check(&[0xc2, 255, 255, 255, 255, 255, 0], Err(Broken::Short));
        check(&[0x89, 1], Err(Broken::Short));
        check(&[0xcb, 254, 0], Err(Broken::Short));
        check(b"-----BEGIN", Err(Broken::Strange));
        check(&[0x8b, 1, 2], Err(Broken::Strange));
        let short_part = [&[0xcb, 224 + 8][..], &[1; 256], &[0]].concat();
        check(&short_part, Err(Broken::Strange));
        let parts = [&[0xc2, 224 + 9][..], &[1; 512], &[0]].concat();
        check(&parts, Err(Broken::Strange));
    }

    #[test]
    fn nothing_is_read_behind_what_is_broken() {
        let kinds: Vec<_> = Packets::of(&[0xc2, 0, 0x00, 0xc2, 0])
            .map(|packet| packet.map(|packet| packet.kind))
            .collect();
        assert_eq!(kinds, [Ok(Kind::SIGNATURE), Err(Broken::Strange)]);
    }
}
