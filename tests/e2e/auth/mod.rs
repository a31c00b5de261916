//! Who may do what, and how they prove who they are (Docker token authentication).

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
