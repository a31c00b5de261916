//! What clusters and nodes must be told so that they use this registry. Pure: facts in, text out.
//!
//! Owns these documents and how they are written. They say nothing of when they were made, and all in
//! them is sorted: the same facts give the same bytes, so that applying them again changes no node.
//! Knows nothing of flags, of files and of how the facts were found.

pub(crate) mod containerd;
pub(crate) mod facts;
pub(crate) mod mirrors;
pub(crate) mod openshift;
pub(crate) mod podman;
pub(crate) mod pull_secret;
pub(crate) mod release;
pub(crate) mod samples;
pub(crate) mod trust;
pub(crate) mod update;
mod yaml;
