//! The contract of trimming: a store that gets tight lets go of what was pulled through and is not in use,
//! the oldest first, and of nothing else.

#[path = "../common/mod.rs"]
mod common;
mod fault;
mod kept;
mod lab;
mod order;
mod room;
