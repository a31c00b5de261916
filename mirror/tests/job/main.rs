//! Copying jobs against upstreams of the harness: what is asked of them, what arrives, and what is told
//! when something is missing.

mod choice;
mod companion;
mod copy;
mod failure;
mod lab;
mod place;
mod prune;
mod registry;
mod stop;
