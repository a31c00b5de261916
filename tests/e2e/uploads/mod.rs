//! Bringing blobs in (end-4 to end-6, end-13, end-14): every route, every order, every accident.

mod accident;
mod chunk;
mod digest;
mod empty;
mod route;
mod session;
