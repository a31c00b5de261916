//! A public key with what its owner says of it: names, subkeys, how long they are good, what is revoked
//! (RFC 9580, section 10.1).
//!
//! Owns the putting together of its packets. What follows from it is found out by [`super::signer`].
//! Invariant: packets of kinds or versions that are not known here take nothing away from a key, and
//! give it nothing.

use pgp::packet::{PacketHeader, PublicKey, PublicSubkey, Signature, UserId};
use pgp::types::{KeyDetails, KeyVersion, Tag};
use thiserror::Error;

use super::fingerprint::Fingerprint;
use super::packet::{Broken, Kind, Packet, Packets};

/// A public key, as its owner gives it away.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) key: PublicKey,
    /// About the key itself: who may revoke it, and revocations.
    pub(super) direct: Vec<Signature>,
    /// The owner's names, each with what is said of it, by the owner and by others.
    pub(super) users: Vec<(UserId, Vec<Signature>)>,
    /// Further keys, each with what ties it to the first.
    pub(super) subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
}

/// Bytes that are no public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("a signature on a key cannot be read, which might revoke it")]
    Direct,
    #[error("a key in it is of a kind that is not known")]
    Key,
    #[error("it is no public key")]
    NoKey,
    #[error("it holds a secret key, of which nothing but the public part may leave its owner")]
    Secret,
}

impl Certificate {
    /// The certificates in `bytes`, one after the other.
    pub(super) fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Unreadable> {
        let mut reader = Reader::default();
        for packet in Packets::of(bytes) {
            reader.add(&packet?)?;
        }
        Ok(reader.read)
    }

    /// What the key is called.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.key)
    }

    /// Takes in what another copy of the same certificate says.
    pub(super) fn merge(&mut self, other: Self) {
        self.direct.extend(other.direct);
        for (user, signatures) in other.users {
            match self.users.iter_mut().find(|(own, _)| own.id() == user.id()) {
                Some((_, own)) => own.extend(signatures),
                None => self.users.push((user, signatures)),
            }
        }
        for (subkey, signatures) in other.subkeys {
            let fingerprint = subkey.fingerprint();
            let mut own = self.subkeys.iter_mut();
            match own.find(|(own, _)| own.fingerprint() == fingerprint) {
                Some((_, own)) => own.extend(signatures),
                None => self.subkeys.push((subkey, signatures)),
            }
        }
    }
}

/// Puts certificates together from their packets.
#[derive(Default)]
struct Reader {
    read: Vec<Certificate>,
    /// What the next signature is about.
    subject: Subject,
}

#[derive(Default, Clone, Copy)]
enum Subject {
    Key,
    User,
    Subkey,
    /// Something that is of no use here.
    #[default]
    Other,
}

impl Reader {
    fn add(&mut self, packet: &Packet<'_>) -> Result<(), Unreadable> {
        let body: &[u8] = &packet.body;
        match packet.kind {
            Kind::SECRET_KEY | Kind::SECRET_SUBKEY => return Err(Unreadable::Secret),
            Kind::PUBLIC_KEY => {
                self.read.push(Certificate {
                    key: key(body)?,
                    direct: Vec::new(),
                    users: Vec::new(),
                    subkeys: Vec::new(),
                });
                self.subject = Subject::Key;
                return Ok(());
            }
            Kind::MARKER | Kind::PADDING | Kind::TRUST => return Ok(()),
            _ => {}
        }
        let current = self.read.last_mut().ok_or(Unreadable::NoKey)?;
        match packet.kind {
            Kind::SIGNATURE => current.add_signature(self.subject, body)?,
            Kind::USER_ID => {
                let user = UserId::try_from_reader(header(Tag::UserId, body), body);
                current
                    .users
                    .extend(user.ok().map(|user| (user, Vec::new())));
                self.subject = Subject::User;
            }
            Kind::PUBLIC_SUBKEY => {
                let subkey = subkey(body, current.key.version());
                self.subject = subkey.as_ref().map_or(Subject::Other, |_| Subject::Subkey);
                current.subkeys.extend(subkey.map(|key| (key, Vec::new())));
            }
            Kind::USER_ATTRIBUTE => self.subject = Subject::Other,
            _ => return Err(Unreadable::NoKey),
        }
        Ok(())
    }
}

impl Certificate {
    fn add_signature(&mut self, subject: Subject, body: &[u8]) -> Result<(), Unreadable> {
        let signature = Signature::try_from_reader(header(Tag::Signature, body), body);
        let about = match subject {
            Subject::Key => {
                self.direct.push(signature.map_err(|_| Unreadable::Direct)?);
                return Ok(());
            }
            Subject::User => self.users.last_mut().map(|(_, about)| about),
            Subject::Subkey => self.subkeys.last_mut().map(|(_, about)| about),
            Subject::Other => None,
        };
        if let (Some(about), Ok(signature)) = (about, signature) {
            about.push(signature);
        }
        Ok(())
    }
}

/// A primary key. Only the versions that have a fingerprint nobody can forge.
fn key(body: &[u8]) -> Result<PublicKey, Unreadable> {
    if !matches!(body.first(), Some(4 | 6)) {
        return Err(Unreadable::Key);
    }
    PublicKey::try_from_reader(header(Tag::PublicKey, body), body).map_err(|_| Unreadable::Key)
}

/// A subkey of a key of this version, if it is one that is known here.
fn subkey(body: &[u8], version: KeyVersion) -> Option<PublicSubkey> {
    let number = match version {
        KeyVersion::V4 => 4,
        KeyVersion::V6 => 6,
        _ => return None,
    };
    (body.first() == Some(&number))
        .then(|| PublicSubkey::try_from_reader(header(Tag::PublicSubkey, body), body).ok())
        .flatten()
}

fn header(tag: Tag, body: &[u8]) -> PacketHeader {
    let length = u32::try_from(body.len()).expect("key files are smaller than that");
    PacketHeader::new_fixed(tag, length)
}
