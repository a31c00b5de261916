//! The clients people really use, from their distribution's packages, against the real binary:
//! over TLS, trusting nothing but the exported CA.
//!
//! Each scenario ends with the ground truth: the data directory re-hashed and compared with the API.

mod cluster;
mod containerd;
mod docker;
mod lab;
mod limits;
mod login;
mod mirror;
mod openshift;
mod podman;
mod pull_through;
mod skopeo;
mod sync;
mod systemd;
