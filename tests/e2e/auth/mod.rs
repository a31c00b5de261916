//! Who may do what, and how they prove who they are (oci-protocol, section 2; contract, section 2).

mod anonymous;
mod challenge;
mod forged;
mod jwt;
mod password;
mod refresh;
mod revoked;
mod rule;
mod token;

pub(crate) use token::post;
