//! A registry that holds a part of what its upstream has, and what is asked of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use harness::upstream::UpstreamSetup;
use harness::{
    Anonymous, At, Client, Digest, Fault, Format, Image, Noise, Registry, Response, Scratch,
    Session, Upstream, eventually,
};
use http::Method;
use serde_json::json;

use super::{Expected, Missing, Tag};
use crate::pull_through::{section, soon};

/// How large each layer is, in bytes.
const LAYER: u64 = 256 * 1024;
/// Where all of it lies, here and there.
const HERE: &str = "up.example/a/b";
const THERE: &str = "a/b";
/// Where the manifest is that is not held and has a tag.
pub(super) const TAGGED: &str = "/v2/up.example/a/b/manifests/tagged";

/// A registry before an upstream.
pub(super) struct Lab {
    pub(super) upstream: Upstream,
    pub(super) registry: Registry,
    /// What stands in the section of the upstream besides its place.
    more: String,
    /// Held, all of it.
    held: Image,
    /// Held, but for its layer.
    bare: Image,
    /// Not held, to be asked for by tag.
    tagged: Image,
    /// Not held, to be asked for by digest.
    named: Image,
    _files: Scratch,
}

impl Lab {
    /// A registry before an upstream that is well.
    #[track_caller]
    pub(super) fn open() -> Self {
        Self::before(Upstream::with(), &[], "")
    }

    /// A registry before this upstream. `more` of its section has the name of each of these files in
    /// braces for its path, and in a file `{upstream}` stands for the host.
    #[track_caller]
    pub(super) fn before(upstream: UpstreamSetup, files: &[(&str, &str)], more: &str) -> Self {
        let scratch = Scratch::new();
        let mut more = format!("tag_max_age = \"1ms\"\n{more}");
        let upstream = upstream.start();
        for (name, content) in files {
            let host = upstream.address().to_string();
            let path = scratch.file(name, content.replace("{upstream}", &host));
            more = more.replace(&format!("{{{name}}}"), &path.display().to_string());
        }
        let [held, bare, tagged, named] = [1, 2, 3, 4].map(|seed| {
            let layer = Noise::new(seed, LAYER).bytes();
            let config = format!("{{\"number\":{seed}}}").into();
            Image::assemble(Format::Oci, config, vec![layer])
        });
        upstream.put(THERE, "held", &held);
        upstream.put(THERE, "bare", &bare);
        upstream.put(THERE, "tagged", &tagged);
        upstream.put(THERE, named.digest().as_str(), &named);
        let registry = Registry::with()
            .config(section(&upstream, &more))
            .anonymous(Anonymous::Pull)
            .start();
        let lab = Self {
            upstream,
            registry,
            more,
            held,
            bare,
            tagged,
            named,
            _files: scratch,
        };
        let client = lab.client();
        for reference in ["held", "bare"] {
            client.manifest(HERE, reference).expect(200);
        }
        for blob in [&lab.held.config, &lab.held.layers[0], &lab.bare.config] {
            client.blob(HERE, &Digest::of(blob)).expect(200);
        }
        lab
    }

    /// Says that the upstream is at this URL, from the next start on, which is at once.
    #[track_caller]
    pub(super) fn lead_to(&mut self, url: &str) {
        let config = section(&self.upstream, &self.more);
        self.registry
            .reconfigure(&config.replace(&self.upstream.url(), url));
        self.registry.restart();
    }

    /// Lets each answer break off so, from now on: a manifest near its beginning, a blob behind its middle.
    pub(super) fn break_off(&self, faults: impl Fn(At) -> Vec<Fault> + Send + Sync + 'static) {
        self.upstream.when(move |asked| {
            let is_blob = asked.path().contains("/blobs/");
            faults(At::Byte(if is_blob { LAYER / 2 + 1 } else { 100 }))
        });
    }

    /// Asks for all of it while something goes wrong.
    #[track_caller]
    pub(super) fn check(&self, expected: Expected) {
        self.check_held(expected.tag);
        self.check_missing(&self.blob(), &self.bare.layers[0], expected.blob);
        for (path, image) in [(TAGGED, &self.tagged), (&*self.named(), &self.named)] {
            self.check_missing(path, &image.manifest.bytes, expected.manifest);
        }
        // An upstream that has failed a moment ago may not be waited for.
        let is_doubted = expected.manifest == Missing::Fails && expected.tag == Tag::Fresh;
        let tag = if is_doubted { Tag::Held } else { expected.tag };
        self.check_held(tag);
        eventually("nothing wrong is on disk", || self.residue().is_empty());
    }

    /// Insists that all of it can be had, and that nothing else is left on disk.
    #[track_caller]
    pub(super) fn heals(self) {
        let client = self.client();
        eventually("the tag is confirmed", || {
            let answer = client.manifest(HERE, "held").expect(200);
            answer.header("warning").is_none()
        });
        let named = self.named.digest();
        let images = [
            ("held", &self.held),
            ("bare", &self.bare),
            ("tagged", &self.tagged),
            (named.as_str(), &self.named),
        ];
        for (reference, image) in images {
            let manifest = client.manifest(HERE, reference).expect(200);
            assert_eq!(manifest.body, image.manifest.bytes, "{reference}");
            for blob in image.layers.iter().chain([&image.config]) {
                let answer = client.blob(HERE, &Digest::of(blob)).expect(200);
                assert!(answer.body == blob, "a blob of {reference}");
            }
        }
        let fetches = self.registry.data().join("fetches");
        eventually("no fetch is left", || files_below(&fetches).is_empty());
        let truth = self.registry.finish().no_uploads();
        assert_eq!(truth.blobs.len(), 12);
    }

    /// Where the layer is that is not held.
    pub(super) fn blob(&self) -> String {
        format!("/v2/{HERE}/blobs/{}", Digest::of(&self.bare.layers[0]))
    }

    /// The layer that is not held.
    pub(super) fn layer(&self) -> &Bytes {
        &self.bare.layers[0]
    }

    fn named(&self) -> String {
        format!("/v2/{HERE}/manifests/{}", self.named.digest())
    }

    /// The manifest that is to be asked for by its tag.
    pub(super) fn manifest(&self) -> &Bytes {
        &self.tagged.manifest.bytes
    }

    pub(super) fn client(&self) -> Client {
        self.registry.plain()
    }

    /// What is held is served soon, whatever the upstream does.
    #[track_caller]
    pub(super) fn check_held(&self, expected: Tag) {
        let client = self.client();
        let soon = |path: &str, method: Method| -> Response {
            let begun = Instant::now();
            let answer = client.request(method, path).send().expect(200);
            let took = begun.elapsed();
            assert!(took < soon(), "{took:?} for {path}");
            answer
        };
        let path = format!("/v2/{HERE}/manifests/held");
        for method in [Method::GET, Method::HEAD] {
            let answer = soon(&path, method);
            assert_eq!(answer.digest(), self.held.digest());
            let warning = answer.header("warning").unwrap_or_default();
            let is_as_expected = match expected {
                Tag::Fresh => warning.is_empty(),
                Tag::Stale => warning.contains("last confirmed 20"),
                Tag::Held => true,
            };
            assert!(is_as_expected, "{expected:?}: {answer}");
        }
        let manifest = format!("/v2/{HERE}/manifests/{}", self.held.digest());
        assert_eq!(soon(&manifest, Method::GET).body, self.held.manifest.bytes);
        let layer = &self.held.layers[0];
        let path = format!("/v2/{HERE}/blobs/{}", Digest::of(layer));
        assert!(soon(&path, Method::GET).body == layer);
        let tags = soon(&format!("/v2/{HERE}/tags/list"), Method::GET).json();
        let tags = tags["tags"].as_array().expect("a list");
        assert!(tags.contains(&"held".into()), "{tags:?}");
        let referrers = format!("/v2/{HERE}/referrers/{}", self.held.digest());
        let referrers = soon(&referrers, Method::GET).json();
        assert_eq!(referrers["manifests"], json!([]));
    }

    /// What is not held comes whole and right, or whoever asks hears that it does not.
    #[track_caller]
    fn check_missing(&self, path: &str, content: &Bytes, expected: Missing) {
        let client = self.client();
        let request = client.request(Method::GET, path);
        let answer = request.over(&mut Session::of(&client));
        match answer {
            Ok(answer) if answer.status == 200 => {
                assert!(answer.body == content, "other content is served: {answer}");
                assert_eq!(expected, Missing::Comes, "{path}");
            }
            Ok(answer) => {
                assert_eq!(expected, Missing::Fails, "{answer}");
                assert!(
                    matches!(answer.status.as_u16(), 429 | 502..=504),
                    "{answer}"
                );
            }
            // What was promised is not kept: the connection is cut off.
            Err(error) => assert_eq!(expected, Missing::Fails, "{path}: {error}"),
        }
    }

    /// What lies in the data directory and is neither held nor the beginning of what was asked for.
    fn residue(&self) -> Vec<PathBuf> {
        let data = self.registry.data();
        let mut residue = files_below(&data.join("tmp"));
        residue.extend(files_below(&data.join("uploads")));
        let layer = self.layer();
        let place = format!("fetches/sha256/{}/data", Digest::of(layer).hex());
        let fetches = files_below(&data.join("fetches")).into_iter();
        residue.extend(fetches.filter(|path| {
            let come = fs::read(path).unwrap_or_default();
            *path != data.join(&place) || !layer.starts_with(&come)
        }));
        residue
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}
