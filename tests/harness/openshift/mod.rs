//! Releases of `OpenShift`, from outside: payloads made in code, the keys that sign them, the stores that hold
//! the signatures, and the payload that the real `oc` made, where it is at hand.
//!
//! Written from what `oc` does and what clusters expect; nothing here is shared with the registry.

mod component;
mod fixture;
mod key;
mod program;
mod release;
mod samples;
mod signature_store;
mod sigstore;
mod tree;

pub use component::{Component, Target, signature_tag};
pub use fixture::{Fixture, LOGIN};
pub use key::ReleaseKey;
pub use program::Program;
pub use release::{Recipe, Release, VERSION, manifests_layer};
pub use samples::{Stream, samples_operator};
pub use signature_store::SignatureStore;
pub use sigstore::SigstoreKey;
pub use tree::OcTree;

/// What names a release and its components at their own registry.
pub mod name {
    /// The registry of releases.
    pub const QUAY: &str = "quay.io";
    /// Where release images lie there.
    pub const RELEASES: &str = "openshift-release-dev/ocp-release";
    /// Where components lie there.
    pub const COMPONENTS: &str = "openshift-release-dev/ocp-v4.0-art-dev";
    /// Where release images lie here, if nothing else is said.
    pub const OUR_RELEASES: &str = "openshift/release-images";
    /// Where components lie here, if nothing else is said.
    pub const OUR_COMPONENTS: &str = "openshift/release";
    /// The registries of sample images.
    pub const RED_HAT: [&str; 2] = ["registry.redhat.io", "registry.access.redhat.com"];
}
