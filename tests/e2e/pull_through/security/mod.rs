//! What an upstream, or who pretends to be one, must not get, and what clients must not get through it.

mod bounds;
mod confinement;
mod content;
mod credentials;
mod request;
mod separation;
