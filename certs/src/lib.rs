//! All key material: the CA, the server certificate, TLS configurations, the token key.
//!
//! This is the face of the crate; DESIGN.md beside it explains the files and the rotation.
//! Everything lives in one directory (`<data>/certs`), and nothing outside this crate reads or
//! writes there.
//!
//! Invariants: a private key never leaves except through a method named for it; a file holds a key
//! together with the certificates that belong to it, so one rename changes both; time is always an
//! argument. Functions here block on small files and never spawn, except that [`rotation::run`]
//! uses tokio's blocking pool.

mod authority;
mod client;
mod details;
mod error;
mod identity;
mod name;
mod pem;
pub mod provider;
pub mod rotation;
mod tls;
mod token_key;
mod validity;

pub use authority::{Authority, Issued};
pub use client::{Trust, client_config};
pub use details::{Details, Fingerprint, describe};
pub use error::Error;
pub use name::{InvalidName, SubjectName};
pub use rotation::Clock;
pub use tls::{Config, OwnCertificate, ServerTls, State};
pub use token_key::TokenKey;
pub use validity::Validity;
