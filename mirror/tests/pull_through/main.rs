//! Pull-through against upstreams that misbehave: one download for all, held content whatever happens,
//! and no wrong byte to anybody.

mod blob;
mod companion;
mod lab;
mod listing;
mod manifest;
mod outage;
mod resume;
