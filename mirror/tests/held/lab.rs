//! A store, and releases of a few small components put into it.

use bytes::Bytes;
use roadstead_mirror::openshift::held::{HeldRelease, Note, releases, resolve};
use roadstead_mirror::openshift::{Layout, Payload};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, MediaType, RepoName, Tag};
use roadstead_storage::{Config, Origin, Principal, Put, Store};
use serde_json::{Value, json};

/// Where releases say that their components are.
pub(crate) const SOURCE: &str = "quay.io/openshift-release-dev/ocp-v4.0-art-dev";
/// The repositories of a mirrored release.
pub(crate) const IMAGES: &str = "openshift/release-images";
pub(crate) const COMPONENTS: &str = "openshift/release";

/// A store in a directory of its own.
pub(crate) struct Lab {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
}

/// A release as it is to be put into a store.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) version: &'static str,
    pub(crate) arch: &'static str,
    /// The components, and what each is made of.
    pub(crate) components: Vec<(&'static str, String)>,
    /// How they came.
    pub(crate) origin: Origin,
}

impl Recipe {
    pub(crate) fn new(version: &'static str, arch: &'static str) -> Self {
        Self {
            version,
            arch,
            components: vec![
                ("cli", "the same in all".to_owned()),
                ("installer", format!("of {version} for {arch}")),
            ],
            origin: Origin::Mirrored,
        }
    }

    pub(crate) fn tag(&self) -> String {
        format!("{}-{}", self.version, self.arch)
    }
}

pub(crate) fn name(text: &str) -> RepoName {
    text.parse().expect("a name")
}

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = Config::new(dir.path().join("data"));
        let store = Store::create_or_open(config).await.expect("opens");
        Self { dir, store }
    }

    /// The file of a blob.
    pub(crate) fn file(&self, digest: Digest) -> std::path::PathBuf {
        let hex = digest.hex();
        let blobs = self.dir.path().join("data/blobs/sha256");
        blobs.join(&hex[..2]).join(hex)
    }

    async fn blob(&self, repository: &str, bytes: &[u8]) -> Value {
        let (name, by) = (name(repository), Principal::new("lab"));
        let digest = Digest::of(Algorithm::Sha256, bytes);
        let begun = self.store.begin_upload(&name, &by, Algorithm::Sha256).await;
        let id = begun.expect("begins");
        let mut upload = self.store.upload(&name, id, &by).await.expect("is there");
        upload
            .append(Bytes::copy_from_slice(bytes))
            .await
            .expect("takes");
        upload.commit(digest).await.expect("commits");
        json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.to_string(),
            "size": bytes.len() })
    }

    /// Puts a manifest under these tags.
    pub(crate) async fn put(
        &self,
        repository: &str,
        document: &Value,
        tags: &[&str],
        origin: Origin,
    ) -> Digest {
        let is_list = document.get("manifests").is_some();
        let media_type = if is_list {
            MediaType::OCI_INDEX
        } else {
            MediaType::OCI_MANIFEST
        };
        let bytes = Bytes::from(document.to_string());
        let manifest = Manifest::parse(Some(media_type.as_str()), bytes).expect("a manifest");
        let digest = manifest.digest(Algorithm::Sha256);
        let put = Put {
            manifest,
            digest,
            tags: tags.iter().map(|text| tag(text)).collect(),
            origin,
            by: Principal::new("lab"),
        };
        let stored = self.store.repo(&name(repository)).put_manifest(put).await;
        stored.expect("is stored");
        digest
    }

    /// An image with this configuration and one layer.
    pub(crate) async fn image(&self, repository: &str, config: &Value, layer: &[u8]) -> Value {
        let config = self.blob(repository, config.to_string().as_bytes()).await;
        let layer = self.blob(repository, layer).await;
        json!({ "schemaVersion": 2, "config": config, "layers": [layer] })
    }

    /// A component's image, under this tag.
    pub(crate) async fn component(
        &self,
        repository: &str,
        content: &str,
        tags: &[&str],
        origin: Origin,
    ) -> Digest {
        let config = json!({ "architecture": "amd64", "os": "linux" });
        let image = self.image(repository, &config, content.as_bytes()).await;
        self.put(repository, &image, tags, origin).await
    }

    /// Puts a release where a tool that mirrors puts it, and returns the digest of its image.
    pub(crate) async fn release(&self, recipe: &Recipe, layout: (&str, &str)) -> Digest {
        let (images, components) = layout;
        let mut tags = Vec::new();
        for (name, content) in &recipe.components {
            let tag = format!("{}-{name}", recipe.tag());
            let digest = self
                .component(components, content, &[&tag], recipe.origin)
                .await;
            tags.push(json!({ "name": name,
                "from": { "kind": "DockerImage", "name": format!("{SOURCE}@{digest}") } }));
        }
        let image = self.release_image(images, recipe, &tags).await;
        self.put(images, &image, &[&recipe.tag()], recipe.origin)
            .await
    }

    /// The manifest of a release image with these components.
    pub(crate) async fn release_image(
        &self,
        repository: &str,
        recipe: &Recipe,
        tags: &[Value],
    ) -> Value {
        let references = json!({ "kind": "ImageStream", "apiVersion": "image.openshift.io/v1",
            "metadata": { "name": recipe.version }, "spec": { "tags": tags } });
        let metadata = json!({ "kind": "cincinnati-metadata-v0", "version": recipe.version });
        let mut layer = tar::Builder::new(Vec::new());
        for (path, document) in [
            ("image-references", references),
            ("release-metadata", metadata),
        ] {
            let text = document.to_string();
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            let path = format!("release-manifests/{path}");
            let appended = layer.append_data(&mut header, path, text.as_bytes());
            appended.expect("into memory");
        }
        let layer = layer.into_inner().expect("into memory");
        let config = json!({ "architecture": "amd64", "os": "linux",
            "config": { "Labels": { "io.openshift.release": recipe.version } } });
        self.image(repository, &config, &layer).await
    }

    /// Puts a release where `mirror release` does: by its tags, and under its upstreams' own names.
    pub(crate) async fn mirrored(&self, recipe: &Recipe) -> Digest {
        let digest = self.release(recipe, (IMAGES, COMPONENTS)).await;
        self.release(recipe, UPSTREAM).await;
        let note = Note {
            from: "quay.io/openshift-release-dev/ocp-release"
                .parse()
                .expect("a source"),
            layout: Layout::default(),
        };
        note.keep(&self.store, digest).await.expect("is noted");
        digest
    }

    pub(crate) async fn held(&self, text: &str) -> HeldRelease {
        let wanted = text.parse().expect("a name");
        resolve(&self.store, &wanted).await.expect("is held")
    }

    pub(crate) async fn payload(&self, text: &str) -> Payload {
        let release = self.held(text).await;
        release.payload(&self.store).await.expect("is readable")
    }

    /// All releases, as `repository:tag`.
    pub(crate) async fn all(&self) -> Vec<String> {
        let all = releases(&self.store).await.expect("are found");
        let place = |it: &HeldRelease| format!("{}:{}", it.repository, it.tag);
        all.iter().map(place).collect()
    }
}

/// Where the same content lies under its upstreams' own names.
pub(crate) const UPSTREAM: (&str, &str) = (
    "quay.io/openshift-release-dev/ocp-release",
    "quay.io/openshift-release-dev/ocp-v4.0-art-dev",
);
