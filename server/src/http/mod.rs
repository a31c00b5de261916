//! HTTP: what strangers send, understood, and what they are answered.
//!
//! The face is [`Service`], which takes one request of a connection at a time. One file below it per
//! kind of request (`blobs`, `uploads`, `manifests`, `listing`, `token`, `status`), and under those
//! the shapes of requests (`route`, `header`, `origin`, `payload`) and of answers (`answer`, `body`,
//! `challenge`, `error`); `prompt` is the short way to some of them. Nothing here opens a file or decides who may do what.

mod answer;
mod blobs;
mod body;
mod budget;
mod buffer;
mod challenge;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header;
mod id;
mod listing;
mod manifests;
mod observe;
mod origin;
mod payload;
mod prompt;
mod range;
mod route;
mod service;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod token;
mod uploads;

pub(crate) use self::body::FilePart;
pub(crate) use self::observe::Observed;
pub(crate) use self::origin::Peer;
pub(crate) use self::service::{Parts, Service};
