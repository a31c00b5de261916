//! What signatures are worth: with keys and messages made here, with Red Hat's own, and with those of the
//! real tools where there are some.

mod genuine;
mod junk;
mod key;
mod lab;
mod message;
