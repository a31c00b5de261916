//! The whole registry, driven through its sockets, its command line and its data directory.
//!
//! Every scenario has a registry of its own (the real binary, port 0, a fresh directory), knows
//! nothing but the published contract, and ends with the ground truth: the directory is read from
//! outside, every byte hashed again, and compared with what the API claims.

mod auth;
mod blobs;
mod cluster;
mod commands;
mod deletes;
mod faults;
mod health;
mod hostile;
mod immutable_tags;
mod listing;
mod maintenance;
mod manifests;
mod media;
mod mirror;
mod mounts;
mod nothing;
mod openshift;
mod ping_and_headers;
mod pull_through;
mod referrers;
mod release;
mod restart;
mod security;
mod shutdown;
mod systemd;
mod tls;
mod uploads;
