//! What there is, and what one release consists of: the facts that `oc adm release info` tells.
//!
//! Reads and changes nothing.

use std::collections::BTreeMap;

use roadstead_mirror::openshift::held::{HeldRef, Image, releases, resolve};
use roadstead_mirror::openshift::{Content, Payload, files_below};
use serde_json::Value;

use super::{Error, Releases};
use crate::admin::report::{
    ComponentVersion, ReleaseImage, ReleaseInfo, ReleaseLine, ReleaseList, Report, ShownRelease,
};

/// Where a release image has what a cluster is made of.
const MANIFESTS: &str = "release-manifests";
/// How the documents among these are called that describe the release itself.
const METADATA: [&str; 2] = ["image-references", "release-metadata"];
/// Where a component says which versions it is made of, and what these are called.
const VERSIONS: &str = "io.openshift.build.versions";
const NAMES: &str = "io.openshift.build.version-display-names";

impl Releases<'_> {
    /// All releases.
    pub(in crate::admin) async fn list(&self) -> Result<Report, Error> {
        let held = releases(self.store).await?;
        let releases = held.into_iter().map(|release| ReleaseLine {
            image: format!("{}:{}", self.place(&release), release.tag),
            version: release.version,
            arch: release.arch.to_string(),
            digest: release.digest,
            components: release.components,
            from: release.from.to_string(),
        });
        Ok(Report::Releases(ReleaseList {
            releases: releases.collect(),
        }))
    }

    /// What one release consists of.
    pub(in crate::admin) async fn info(&self, wanted: &HeldRef) -> Result<Report, Error> {
        let release = resolve(self.store, wanted).await?;
        let repo = self.store.repo(&release.repository);
        let image = release.image(self.store).await?;
        let config = image.config(&repo).await?;
        let payload = release.payload(self.store).await?;
        let content = Content::Held(repo);
        let manifests = Box::pin(files_below(
            &content,
            &image.manifest,
            MANIFESTS,
            is_manifest,
        ));
        let manifests = manifests.await.map_err(|source| Error::Read {
            component: "release image",
            path: MANIFESTS.to_owned(),
            source: Box::new(source),
        })?;
        let place = self.place(&release);
        let info = info(
            format!("{place}:{}", release.tag),
            &image,
            config.document,
            &payload,
        );
        Ok(Report::Release(Box::new(ShownRelease {
            name: payload.name().to_owned(),
            version: payload.version().to_owned(),
            pull_from: format!("{place}@{}", release.digest),
            manifests: manifests.len() as u64,
            metadata_files: METADATA.len() as u64 - u64::from(payload.metadata().is_none()),
            images: images(&payload),
            info,
        })))
    }
}

/// Whether a file is one that a cluster is made of.
fn is_manifest(path: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| path.ends_with(end))
}

fn images(payload: &Payload) -> Vec<ReleaseImage> {
    let image = |component: &roadstead_mirror::openshift::Component| ReleaseImage {
        name: component.name().to_owned(),
        digest: component.image().digest(),
    };
    let mut images: Vec<_> = payload.components().iter().map(image).collect();
    images.sort_by(|a, b| a.name.cmp(&b.name));
    images
}

fn info(image: String, chosen: &Image, config: Value, payload: &Payload) -> ReleaseInfo {
    let versions = versions(payload);
    let mut references = payload.image_references().clone();
    // A cluster would say where it keeps the images; a release has no such place.
    if let Some(stream) = references.as_object_mut() {
        let status = serde_json::json!({ "dockerImageRepository": "" });
        stream.entry("status").or_insert(status);
    }
    ReleaseInfo {
        image,
        digest: chosen.list.unwrap_or(chosen.digest),
        content_digest: chosen.digest,
        list_digest: chosen.list.map(|list| list.to_string()).unwrap_or_default(),
        config,
        metadata: payload.metadata().cloned(),
        references,
        versions: (!versions.is_empty()).then(|| {
            let plain = versions.iter();
            plain
                .map(|(name, it)| (name.clone(), it.version.clone()))
                .collect()
        }),
        display_versions: (!versions.is_empty()).then_some(versions),
        versions_tags: BTreeMap::new(),
        images: None,
        warnings: None,
    }
}

/// The versions of what the components are made of. Where they disagree, the first one counts.
fn versions(payload: &Payload) -> BTreeMap<String, ComponentVersion> {
    let mut versions = BTreeMap::new();
    for component in payload.components() {
        let said = |annotation: &str| component.annotations().get(annotation);
        let names: BTreeMap<_, _> = said(NAMES).map_or_else(BTreeMap::new, |text| pairs(text));
        for (name, version) in said(VERSIONS).map_or_else(BTreeMap::new, |text| pairs(text)) {
            let display_name = names.get(name).copied().unwrap_or_default().to_owned();
            versions.entry(name.to_owned()).or_insert(ComponentVersion {
                version: version.to_owned(),
                display_name,
            });
        }
    }
    versions
}

/// `name=value,name=value`.
fn pairs(text: &str) -> BTreeMap<&str, &str> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_gathered_from_what_components_say() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let tag = |name: &str, versions: &str| {
            serde_json::json!({ "name": name,
                "from": { "kind": "DockerImage", "name": format!("quay.io/a/b@{digest}") },
                "annotations": { VERSIONS: versions, NAMES: "kubernetes=Kubernetes" } })
        };
        let references = serde_json::json!({ "kind": "ImageStream",
            "apiVersion": "image.openshift.io/v1", "metadata": { "name": "4.18.7" },
            "spec": { "tags": [tag("a", "kubernetes=1.31.6, kubectl=1.31.1"), tag("b", "kubernetes=1"),
                tag("c", "")] } });
        let payload = Payload::parse(references.to_string().as_bytes(), None).unwrap();
        let versions = versions(&payload);
        let told: Vec<_> = versions
            .iter()
            .map(|(name, it)| (name.as_str(), it.version.as_str(), it.display_name.as_str()))
            .collect();
        let expected = [
            ("kubectl", "1.31.1", ""),
            ("kubernetes", "1.31.6", "Kubernetes"),
        ];
        assert_eq!(told, expected);
    }
}
