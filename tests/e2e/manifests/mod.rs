//! Manifests (end-3, end-7): what is pushed is what is served, and what is refused leaves nothing.

mod pull;
mod push;
mod refused;
mod sparse;
mod tags;
