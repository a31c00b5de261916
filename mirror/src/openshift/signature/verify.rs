//! Whether a signature vouches for a release, by the word of one of our keys.
//!
//! Owns the order of the checks: what a message says counts only after a key of ours was found to have
//! signed all of it. Invariant: nothing is verified that is not signed by a key that was good when it was
//! signed, for exactly the digest that is wanted.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use pgp::packet::{Signature, SignatureType, SignatureVersion, SubpacketData};
use roadstead_storage::oci::Digest;

use super::fingerprint::Fingerprint;
use super::keyring::Keyring;
use super::message::Message;
use super::signer::{Signer, Standing, end, is_strong};
use super::statement::Statement;
use super::unverified::Unverified;

/// How far a signer's clock may be ahead of ours.
const AHEAD: Duration = Duration::from_hours(24);

/// A signature that vouches for a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose word it is: the fingerprint of the key that is trusted.
    pub key: Fingerprint,
    /// When it was made.
    pub made_at: SystemTime,
    /// What the signer calls the release.
    pub reference: String,
    /// What signed it, in its own words.
    pub creator: Option<String>,
}

/// What the signatures of a release come to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Those that vouch for it.
    pub valid: Vec<Verified>,
    /// The others, by their places, from one on, and why they do not.
    pub refused: Vec<(usize, Unverified)>,
}

impl Verdict {
    /// Whether somebody vouches for the release.
    pub fn is_signed(&self) -> bool {
        !self.valid.is_empty()
    }
}

/// Judges all signatures of a release.
pub fn judge(signatures: &[Bytes], digest: &Digest, keys: &Keyring, now: SystemTime) -> Verdict {
    let mut verdict = Verdict::default();
    for (place, signature) in (1..).zip(signatures) {
        match verify(signature, digest, keys, now) {
            Ok(verified) => verdict.valid.push(verified),
            Err(unverified) => verdict.refused.push((place, unverified)),
        }
    }
    verdict
}

/// Finds out whether a signature vouches for the release `digest`, by the word of any one of `keys`.
///
/// # Errors
/// Says why it does not.
pub fn verify(
    signature: &[u8],
    digest: &Digest,
    keys: &Keyring,
    now: SystemTime,
) -> Result<Verified, Unverified> {
    let Message { body, signatures } = Message::read(signature)?;
    let mut refused = None;
    for signature in &signatures {
        match signed(signature, &body, keys, now) {
            Ok((key, made_at)) => {
                let Statement { reference, creator } = Statement::read(&body, digest)?;
                return Ok(Verified {
                    key,
                    made_at,
                    reference,
                    creator,
                });
            }
            // A key of ours says more than a stranger's.
            Err(because) => match refused {
                Some(ref first) if !matches!(first, Unverified::UnknownKey { .. }) => {}
                _ => refused = Some(because),
            },
        }
    }
    Err(refused.expect("a message has a signature"))
}

/// Whose word one of the signatures of a message is, and when it was given.
fn signed(
    signature: &Signature,
    body: &[u8],
    keys: &Keyring,
    now: SystemTime,
) -> Result<(Fingerprint, SystemTime), Unverified> {
    let made = check_kind(signature)?;
    let signers = keys.signers().iter();
    let mut named = signers.filter(|signer| signer.is_named_by(signature));
    let unknown = || Unverified::UnknownKey {
        key: issuer(signature),
    };
    let first = named.next().ok_or_else(unknown)?;
    let mut candidates = std::iter::once(first).chain(named);
    let Some(signer) = candidates.find(|signer| signer.made(signature, body)) else {
        let key = first.fingerprint();
        return Err(Unverified::Forged { key });
    };
    check_time(signer, signature, made, now)?;
    Ok((signer.owner.clone(), made))
}

/// Whether a signature is of a kind that counts, by its own word; and when it was made.
fn check_kind(signature: &Signature) -> Result<SystemTime, Unverified> {
    let weak = |how: String| Unverified::Weak { how };
    // Some of Red Hat's are of version 3.
    let version = signature.version();
    let is_known = matches!(
        version,
        SignatureVersion::V3 | SignatureVersion::V4 | SignatureVersion::V6
    );
    let Some(config) = signature.config().filter(|_| is_known) else {
        return Err(weak(format!("in version {}", u8::from(version))));
    };
    if !matches!(config.typ, SignatureType::Binary | SignatureType::Text) {
        return Err(weak("for something else than a message".to_owned()));
    }
    if !is_strong(config.hash_alg) {
        return Err(weak(format!("with the hash {}", config.hash_alg)));
    }
    // Whatever it restricts, it must not be passed over (RFC 9580, section 5.2.3.7).
    let mut said = config.hashed_subpackets();
    let is_notation = |data: &SubpacketData| matches!(data, SubpacketData::Notation(_));
    if said.any(|said| said.is_critical && is_notation(&said.data)) {
        return Err(weak("with conditions that are not known".to_owned()));
    }
    let made = config.created();
    made.map(Into::into)
        .ok_or_else(|| weak("without its time".to_owned()))
}

/// Whether the time of a signature and those of its key go together.
fn check_time(
    signer: &Signer,
    signature: &Signature,
    made: SystemTime,
    now: SystemTime,
) -> Result<(), Unverified> {
    let key = signer.fingerprint();
    match signer.standing {
        Standing::Revoked => return Err(Unverified::KeyRevoked { key }),
        Standing::Unfit => return Err(Unverified::KeyUnfit { key }),
        Standing::Good { from, .. } if made < from => return Err(Unverified::KeyYounger { key }),
        Standing::Good {
            until: Some(until), ..
        } if made >= until => return Err(Unverified::KeyExpired { key, until }),
        Standing::Good { .. } => {}
    }
    if made > now + AHEAD {
        return Err(Unverified::Future { made });
    }
    match end(made, signature.signature_expiration_time()) {
        Some(until) if until <= now => Err(Unverified::Expired { until }),
        _ => Ok(()),
    }
}

/// What a signature calls the key that made it.
fn issuer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint();
    let ids = signature.issuer_key_id();
    let named = fingerprints.first().map(|named| format!("{named:X}"));
    let named = named.or_else(|| ids.first().map(|id| id.to_string().to_uppercase()));
    named.unwrap_or_else(|| "of nobody".to_owned())
}
