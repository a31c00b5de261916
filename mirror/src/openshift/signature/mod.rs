//! Signatures of releases: which keys are trusted, where signatures are found, and what they are worth.
//!
//! Owns all of `OpenPGP` that there is here. Knows nothing of payloads and of the store. Invariant: what is to
//! be verified has no say in how: neither keys nor places come from a release.

mod certificate;
mod fingerprint;
mod keyring;
mod message;
mod packet;
mod signer;
mod statement;
mod store;
#[cfg(test)]
mod tests;
mod unverified;
mod url;
mod verify;
mod web;

pub use self::fingerprint::Fingerprint;
pub use self::keyring::{InvalidKeyFile, InvalidKeys, Keyring};
pub use self::store::{Collected, GivenSignature, SignatureStore, StoreFailure, collect};
pub use self::unverified::Unverified;
pub use self::url::{InvalidStoreUrl, StoreUrl};
pub use self::verify::{Verdict, Verified, judge, verify};
pub use self::web::Network;
