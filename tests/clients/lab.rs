//! What most scenarios begin with: a registry, a user, and podman's family trusting its CA.

use harness::tools::Containers;
use harness::{Anonymous, Client, Registry};

/// The user that scenarios push as.
pub(crate) const USER: &str = "ci";
/// Their password.
pub(crate) const PASSWORD: &str = "correct horse";

/// A registry and clients that trust it.
pub(crate) struct Lab {
    pub(crate) registry: Registry,
    pub(crate) containers: Containers,
    /// `host:port`, as it stands in image names.
    pub(crate) host: String,
    /// Logged in as [`USER`].
    pub(crate) client: Client,
}

impl Lab {
    /// Opens a lab where anonymous clients may do this much; none where the clients are missing.
    #[track_caller]
    pub(crate) fn open(anonymous: Anonymous) -> Option<Self> {
        let containers = Containers::new()?;
        let registry = Registry::with().anonymous(anonymous).start();
        let client = registry.user(USER, PASSWORD);
        let host = registry.host();
        containers.trust(&host, &registry.ca());
        Some(Self {
            registry,
            containers,
            host,
            client,
        })
    }

    /// The same with podman, buildah and skopeo logged in.
    #[track_caller]
    pub(crate) fn logged_in() -> Option<Self> {
        let lab = Self::open(Anonymous::Pull)?;
        lab.containers.login(&lab.host, USER, PASSWORD).ok();
        Some(lab)
    }

    /// The name of an image here.
    pub(crate) fn image(&self, path: &str) -> String {
        format!("{}/{path}", self.host)
    }

    /// The same as skopeo writes it.
    pub(crate) fn docker(&self, path: &str) -> String {
        format!("docker://{}/{path}", self.host)
    }
}
