//! Keys that may have signed a release: each with the time in which it could.
//!
//! Owns what follows from a [`Certificate`]. What its owner says last of a key holds. Nothing that is signed
//! with a broken hash counts, except for a revocation, which only takes away. Invariant: what is revoked
//! never counts, whenever and for whatever reason that was done: whoever has the key can also date back.

use std::time::{Duration, SystemTime};

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag};

use super::certificate::Certificate;
use super::fingerprint::Fingerprint;

/// A key that may have signed something.
#[derive(Debug)]
pub(super) struct Signer {
    key: Key,
    /// The certificate that it belongs to.
    pub(super) owner: Fingerprint,
    pub(super) standing: Standing,
}

#[derive(Debug)]
enum Key {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// What a key's signatures are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As much as they are, within this time.
    Good {
        from: SystemTime,
        until: Option<SystemTime>,
    },
    /// Nothing any more.
    Revoked,
    /// Nothing, for it is no key to sign with.
    Unfit,
}

/// What the owner says of a key.
struct Claims {
    may_sign: Option<bool>,
    until: Option<SystemTime>,
}

impl Signer {
    /// The keys of a certificate; `None` when its owner says nothing of it that could be relied upon.
    pub(super) fn all(certificate: &Certificate) -> Option<Vec<Self>> {
        let key = &certificate.key;
        let owner = certificate.fingerprint();
        let claims = claims_of_primary(certificate)?;
        let is_revoked = is_revoked(certificate);
        let life = Standing::Good {
            from: key.created_at().into(),
            until: claims.until,
        };
        let standing = match claims.may_sign {
            _ if is_revoked => Standing::Revoked,
            Some(false) => Standing::Unfit,
            _ => life,
        };
        let mut signers = vec![Self {
            key: Key::Primary(key.clone()),
            owner: owner.clone(),
            standing,
        }];
        // A primary key that may not sign may still have subkeys that do.
        let above = if is_revoked { Standing::Revoked } else { life };
        for (subkey, signatures) in &certificate.subkeys {
            let standing = standing_of_subkey(certificate, subkey, signatures);
            signers.extend(standing.map(|standing| Self {
                key: Key::Subkey(subkey.clone()),
                owner: owner.clone(),
                standing: standing.below(above),
            }));
        }
        Some(signers)
    }

    /// Whether a signature says that this key made it. One that does not say by which key it was made may
    /// be by any.
    pub(super) fn is_named_by(&self, signature: &Signature) -> bool {
        let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
        let (id, fingerprint) = match &self.key {
            Key::Primary(key) => (key.legacy_key_id(), key.fingerprint()),
            Key::Subkey(key) => (key.legacy_key_id(), key.fingerprint()),
        };
        ids.is_empty() && fingerprints.is_empty()
            || ids.contains(&&id)
            || fingerprints.contains(&&fingerprint)
    }

    /// Whether this key made a signature over these bytes.
    pub(super) fn made(&self, signature: &Signature, bytes: &[u8]) -> bool {
        match &self.key {
            Key::Primary(key) => signature.verify(key, bytes),
            Key::Subkey(key) => signature.verify(key, bytes),
        }
        .is_ok()
    }

    /// What the key itself is called.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        match &self.key {
            Key::Primary(key) => Fingerprint::of(key),
            Key::Subkey(key) => Fingerprint::of(key),
        }
    }
}

impl Standing {
    /// The standing of a subkey whose primary key has another.
    fn below(self, primary: Self) -> Self {
        match (self, primary) {
            (Self::Revoked, _) | (_, Self::Revoked) => Self::Revoked,
            (Self::Unfit, _) | (_, Self::Unfit) => Self::Unfit,
            (
                Self::Good { from, until },
                Self::Good {
                    from: primary_from,
                    until: primary_until,
                },
            ) => Self::Good {
                from: from.max(primary_from),
                until: earlier(until, primary_until),
            },
        }
    }
}

/// Whether a hash is one that nobody can find another text for.
pub(super) fn is_strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha224
            | HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// What the owner says of the primary key: last about itself, and last along with one of the names. Where
/// both say something, both hold.
fn claims_of_primary(certificate: &Certificate) -> Option<Claims> {
    let key = &certificate.key;
    let created = key.created_at().into();
    let direct = certificate.direct.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::Key)
            && is_strongly_signed(signature)
            && signature.verify_key(key).is_ok()
    });
    let of_users = certificate.users.iter().filter_map(|(user, signatures)| {
        let is_own = |signature: &&Signature| {
            signature
                .verify_certification(key, Tag::UserId, user)
                .is_ok()
        };
        let is_revocation =
            |signature: &&Signature| signature.typ() == Some(SignatureType::CertRevocation);
        let revocations = signatures.iter().filter(is_revocation).filter(is_own);
        let revoked = revocations.filter_map(Signature::created).max();
        let certifications = signatures.iter().filter(|signature| {
            signature.typ() != Some(SignatureType::CertRevocation)
                && is_strongly_signed(signature)
                && revoked.is_none_or(|revoked| signature.created() > Some(revoked))
        });
        newest(certifications.filter(is_own))
    });
    let of_key = newest(direct).map(|signature| Claims::of(signature, created));
    let of_user = newest(of_users).map(|signature| Claims::of(signature, created));
    match (of_key, of_user) {
        (Some(of_key), Some(of_user)) => Some(of_key.and(&of_user)),
        (claims, None) | (None, claims) => claims,
    }
}

/// Whether the primary key is revoked, wherever in the certificate that is said.
fn is_revoked(certificate: &Certificate) -> bool {
    let of_users = certificate
        .users
        .iter()
        .flat_map(|(_, signatures)| signatures);
    let mut all = certificate.direct.iter().chain(of_users);
    all.any(|signature| {
        signature.typ() == Some(SignatureType::KeyRevocation)
            && (signature.verify_key(&certificate.key).is_ok()
                || is_by_revoker(certificate, signature))
    })
}

/// What a subkey's signatures are worth; `None` for one that does not belong to the certificate.
fn standing_of_subkey(
    certificate: &Certificate,
    subkey: &PublicSubkey,
    signatures: &[Signature],
) -> Option<Standing> {
    let key = &certificate.key;
    let is_own = |signature: &&Signature| signature.verify_subkey_binding(key, subkey).is_ok();
    let is_revocation =
        |signature: &&Signature| signature.typ() == Some(SignatureType::SubkeyRevocation);
    let bindings = signatures.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::SubkeyBinding) && is_strongly_signed(signature)
    });
    let binding = newest(bindings.filter(is_own))?;
    let mut revocations = signatures.iter().filter(is_revocation);
    if revocations.any(|signature| is_own(&signature) || is_by_revoker(certificate, signature)) {
        return Some(Standing::Revoked);
    }
    // Otherwise somebody could claim a key that others sign with.
    let agrees = binding.embedded_signature().is_some_and(|back| {
        is_strongly_signed(back) && back.verify_primary_key_binding(subkey, key).is_ok()
    });
    let from = subkey.created_at().into();
    let Claims { may_sign, until } = Claims::of(binding, from);
    Some(if may_sign == Some(true) && agrees {
        Standing::Good { from, until }
    } else {
        Standing::Unfit
    })
}

/// Whether a revocation is by somebody whom the owner lets revoke the key. That one's key is not here to
/// ask whether it is genuine; it counts all the same.
fn is_by_revoker(certificate: &Certificate, revocation: &Signature) -> bool {
    let by = revocation.issuer_fingerprint();
    let ids = revocation.issuer_key_id();
    let key = &certificate.key;
    let direct = certificate.direct.iter();
    let own = direct.filter(|signature| {
        signature.typ() == Some(SignatureType::Key) && signature.verify_key(key).is_ok()
    });
    let mut revokers = own.filter_map(Signature::revocation_key);
    revokers.any(|revoker| {
        let fingerprint: &[u8] = &revoker.fingerprint;
        by.iter().any(|by| by.as_bytes() == fingerprint)
            // The identifier of a key of version 4 ends its fingerprint.
            || ids.iter().any(|id| fingerprint.ends_with(id.as_ref()))
    })
}

impl Claims {
    /// What a signature says of a key that was made at `created`. Once the signature has run out, nothing
    /// is said any more.
    fn of(signature: &Signature, created: SystemTime) -> Self {
        let config = signature.config();
        let flags = config.and_then(|config| {
            let mut said = config.hashed_subpackets();
            said.find_map(|said| match &said.data {
                SubpacketData::KeyFlags(flags) => Some(flags.sign()),
                _ => None,
            })
        });
        let made = signature.created().map_or(created, SystemTime::from);
        Self {
            may_sign: flags,
            until: earlier(
                end(created, signature.key_expiration_time()),
                end(made, signature.signature_expiration_time()),
            ),
        }
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            may_sign: match (self.may_sign, other.may_sign) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (said, None) | (None, said) => said,
                (Some(true), Some(true)) => Some(true),
            },
            until: earlier(self.until, other.until),
        }
    }
}

/// When something ends that lasts so long, where no length, or none to speak of, is for ever.
pub(super) fn end(start: SystemTime, length: Option<pgp::types::Duration>) -> Option<SystemTime> {
    let length = Duration::from(length?);
    (!length.is_zero()).then(|| start + length)
}

fn earlier(a: Option<SystemTime>, b: Option<SystemTime>) -> Option<SystemTime> {
    a.into_iter().chain(b).min()
}

fn is_strongly_signed(signature: &Signature) -> bool {
    signature.hash_alg().is_some_and(is_strong)
}

fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.created())
}
