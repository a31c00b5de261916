//! Upstreams under real names, with TLS and logins, that nothing but a proxy leads to.

use harness::upstream::{Ca, UpstreamSetup};
use harness::{Anonymous, Format, Image, Proxy, Registry, Scratch, Setup, Upstream};
use serde_json::json;

/// The name of the upstream.
pub(super) const NAME: &str = "registry.example.com";
/// Who may log in to it.
pub(super) const USER: &str = "ann";
/// With what.
pub(super) const PASSWORD: &str = "a 5ecret of the upstream";

/// An upstream, and the proxy that leads to it and its neighbours.
pub(super) struct Town {
    pub(super) proxy: Proxy,
    pub(super) upstream: Upstream,
    /// What the upstream has as `a/b:1`.
    pub(super) image: Image,
    ca: Ca,
    files: Scratch,
}

impl Town {
    /// An upstream like this, behind a proxy for everybody.
    pub(super) fn new(upstream: UpstreamSetup) -> Self {
        Self::behind(Proxy::start(), upstream)
    }

    /// An upstream like this behind this proxy.
    pub(super) fn behind(proxy: Proxy, upstream: UpstreamSetup) -> Self {
        let ca = Ca::new();
        let upstream = upstream.tls(ca.issue(&[NAME])).start();
        proxy.lead(&format!("{NAME}:443"), upstream.address());
        let image = Image::new(Format::Oci, "behind a proxy");
        upstream.put("a/b", "1", &image);
        Self {
            proxy,
            upstream,
            image,
            ca,
            files: Scratch::new(),
        }
    }

    /// Has the proxy lead to another host, of this name.
    pub(super) fn neighbour(&self, name: &str, setup: UpstreamSetup) -> Upstream {
        let neighbour = setup.tls(self.ca.issue(&[name])).start();
        self.proxy.lead(&format!("{name}:443"), neighbour.address());
        neighbour
    }

    /// A line that has the upstream asked through the proxy.
    pub(super) fn proxied(&self) -> String {
        format!("proxy = \"http://{}\"", self.proxy.host())
    }

    /// A registry that pulls through from the upstream, with `more` in its section.
    pub(super) fn registry(&self, more: &str) -> Registry {
        self.setup(more).start()
    }

    /// The same before it is started.
    pub(super) fn setup(&self, more: &str) -> Setup {
        let ca = self.files.file("ca.crt", self.ca.pem());
        let login = json!({ "auths": { NAME: { "username": USER, "password": PASSWORD } } });
        let login = self.files.file("auth.json", login.to_string());
        let config = format!(
            "[[upstream]]\nname = \"up.example\"\nurls = [\"https://{NAME}\"]\n\
             ca_file = \"{}\"\nauth_file = \"{}\"\npull_through = true\nanonymous_fill = true\n\
             tag_max_age = \"1ms\"\n{more}\n",
            ca.display(),
            login.display()
        );
        Registry::with().config(config).anonymous(Anonymous::Pull)
    }
}
