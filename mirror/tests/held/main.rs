//! The releases that a store holds: found, read again and removed, on releases made here.

mod find;
mod lab;
mod remove;
mod verify;
