//! The command line beside a running server and without one.

mod authority;
mod data;
mod ownership;
mod repository;
mod usage;
mod user;
