//! What registries have fallen for, tried on this one: the cases that no other scenario holds already.
//! SECURITY.md says where the rest is.

mod digest;
mod frames;
mod http2;
mod key;
mod memory;
mod session;
mod stranger;
mod visibility;
