//! Why a signature does not vouch for a release, in words for whoever has to decide what now.
//!
//! Invariant: what a stranger wrote is repeated only where it was parsed into something harmless.

use std::time::SystemTime;

use httpdate::HttpDate;
use roadstead_storage::oci::Digest;
use thiserror::Error;

use super::fingerprint::Fingerprint;

/// Why a signature does not vouch for a release.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unverified {
    /// The signature has run out.
    #[error("it was good until {}", HttpDate::from(*until))]
    Expired {
        /// When it did.
        until: SystemTime,
    },
    /// It claims to be made later than it is.
    #[error("it claims to be made on {}, which has not come", HttpDate::from(*made))]
    Future {
        /// When it claims to be made.
        made: SystemTime,
    },
    /// A key of ours is named, and did not sign this.
    #[error("it was changed after the key {key} signed it, or that key never did")]
    Forged {
        /// Which key.
        key: Fingerprint,
    },
    /// The key had run out when it signed.
    #[error("the key {key} was good until {} only", HttpDate::from(*until))]
    KeyExpired {
        /// Which key.
        key: Fingerprint,
        /// When it did.
        until: SystemTime,
    },
    /// The key's owner has taken it back.
    #[error("the key {key} has been revoked")]
    KeyRevoked {
        /// Which key.
        key: Fingerprint,
    },
    /// The key is there for other things than to sign.
    #[error("the key {key} may not sign anything")]
    KeyUnfit {
        /// Which key.
        key: Fingerprint,
    },
    /// The key came after its signature.
    #[error("it claims to be older than the key {key}")]
    KeyYounger {
        /// Which key.
        key: Fingerprint,
    },
    /// It is no signed message.
    #[error("it is no signed message of OpenPGP: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It vouches for another release.
    #[error("it is for {found}")]
    OtherDigest {
        /// Which.
        found: Box<Digest>,
    },
    /// What is signed is no statement about an image.
    #[error("what is signed says nothing of a release")]
    Statement {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// What is signed is a statement of another kind.
    #[error("what is signed says nothing of a release: {what}")]
    StatementOf {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is too large.
    #[error("it is larger than {most} bytes")]
    TooLarge {
        /// What it may take.
        most: usize,
    },
    /// None of our keys made it.
    #[error("it was made by the key {key}, which is none of those trusted")]
    UnknownKey {
        /// Which key, as far as it says.
        key: String,
    },
    /// It is made in a way that nobody should rely on, or that is not known here.
    #[error("it is made {how}, which is not accepted")]
    Weak {
        /// In which way.
        how: String,
    },
}
