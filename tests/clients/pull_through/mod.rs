//! Pull-through as nodes of a cluster use it: real clients on this side, two real registries with TLS
//! and logins on the other. The names of these exist nowhere, so nothing comes by another way.

mod containerd;
mod docker;
mod podman;
mod skopeo;

use harness::tools::Distribution;
use harness::upstream::Ca;
use harness::{Anonymous, Format, Image, Manifest, Registry, Scratch, Setup, index_of};
use serde_json::json;

/// An upstream as image references and as our store name it.
#[derive(Clone, Copy, Debug)]
struct Name {
    /// What image references call it.
    reference: &'static str,
    /// Where its content lies here.
    prefix: &'static str,
}

/// One whose content lies where it does if nobody says anything.
const FIRST: Name = Name {
    reference: "first.example",
    prefix: "first.example",
};
/// One with a port and a place of its own.
const SECOND: Name = Name {
    reference: "second.example:5000",
    prefix: "mirrors/second",
};

/// Docker Hub, before which a registry stands as docker knows mirrors: with its content at the top.
const HUB: Name = Name {
    reference: "docker.io",
    prefix: "",
};

/// A registry before two upstreams.
struct Lab {
    registry: Registry,
    upstreams: [Distribution; 2],
    /// What both have as `team/app:1`.
    list: Manifest,
    /// What of that list is for this machine.
    image: Image,
    /// What the configuration names.
    _files: Scratch,
}

impl Lab {
    /// A lab where everybody may have something fetched; none where docker-registry is missing.
    #[track_caller]
    fn open() -> Option<Self> {
        Self::with("anonymous_fill = true")
    }

    /// The same with `more` in the section of each upstream.
    #[track_caller]
    fn with(more: &str) -> Option<Self> {
        Self::before([FIRST, SECOND], more)
    }

    /// The same before upstreams of these names.
    #[track_caller]
    fn before(names: [Name; 2], more: &str) -> Option<Self> {
        let ca = Ca::new();
        let first = Distribution::start(&ca, "one", "the first password")?;
        let second = Distribution::start(&ca, "two", "the second password")?;
        let scratch = Scratch::new();
        let ca = scratch.file("upstream-ca.crt", ca.pem());
        let auth = json!({ "auths": {
            first.host(): { "username": "one", "password": "the first password" },
            format!("https://{}/v2/", second.host()): { "auth": "dHdvOnRoZSBzZWNvbmQgcGFzc3dvcmQ=" },
        } });
        let auth = scratch.file("auth.json", auth.to_string());
        let section = |name: Name, upstream: &Distribution| {
            format!(
                "[[upstream]]\nname = \"{}\"\nprefix = \"{}\"\nurls = [\"{}\"]\n\
                 ca_file = \"{}\"\nauth_file = \"{}\"\npull_through = true\n\
                 tag_max_age = \"1ms\"\n{more}\n",
                name.reference,
                name.prefix,
                upstream.url(),
                ca.display(),
                auth.display()
            )
        };
        let config = section(names[0], &first) + &section(names[1], &second);
        let [image, other] = ["amd64", "arm64"].map(|architecture| {
            let texts = ["of all platforms", architecture];
            Image::for_platform(Format::Docker, ("linux", architecture), &texts)
        });
        let list = index_of(
            Format::Docker,
            &[
                (&image.manifest, ("linux", "amd64")),
                (&other.manifest, ("linux", "arm64")),
            ],
        );
        for upstream in [&first, &second] {
            let client = upstream.client();
            for image in [&image, &other] {
                image.push(&client, "team/app", image.digest().as_str());
            }
            list.put(&client, "team/app", "1").expect(201);
        }
        let setup: Setup = Registry::with().config(config).anonymous(Anonymous::Pull);
        Some(Self {
            registry: setup.start(),
            upstreams: [first, second],
            list,
            image,
            _files: scratch,
        })
    }

    /// Shuts both upstreams down.
    fn cut_off(&mut self) {
        self.upstreams.iter_mut().for_each(Distribution::stop);
    }

    /// Ends a scenario: all of the list is held under these names, and nothing besides.
    #[track_caller]
    fn finish(self, names: &[Name]) {
        let mut expected: Vec<_> = names
            .iter()
            .map(|name| format!("{}/team/app", name.prefix))
            .map(|name| name.trim_start_matches('/').to_owned())
            .collect();
        expected.sort();
        let truth = self.registry.finish().no_uploads();
        let held: Vec<_> = truth.repositories.keys().cloned().collect();
        assert_eq!(held, expected);
        for name in held {
            let holding = &truth.repositories[&name];
            assert_eq!(holding.tags["1"], self.list.digest(), "{name}");
            assert!(holding.manifests.contains_key(&self.image.digest()));
        }
    }
}
