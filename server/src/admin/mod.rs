//! What a person on this machine may ask of the registry, running or not.
//!
//! A command is data ([`command`]); it is carried out in one place ([`execute`]), either inside the
//! running server, which hears it on a socket ([`socket`]), or in the command's own process on the
//! store itself ([`client`]). While long work goes on, its steps are told ([`watch`]), and the files that
//! the command line names are reached ([`files`]). Knows nothing of flags and of printing.

mod call;
mod certificates;
pub(crate) mod client;
mod cluster;
pub(crate) mod command;
mod door;
mod exchange;
pub(crate) mod execute;
pub(crate) mod failure;
pub(crate) mod files;
mod lines;
mod local;
mod media;
pub(crate) mod mirror;
pub(crate) mod place;
pub(crate) mod release;
pub(crate) mod report;
pub(crate) mod socket;
mod telling;
mod text;
pub(crate) mod wanted;
pub(crate) mod watch;
