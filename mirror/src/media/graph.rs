//! A manifest and all that it lists, wherever manifests are read from.
//!
//! Invariant: what somebody makes up comes to an end: lists nest only so deep, and only so many
//! manifests are looked at for one image.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use roadstead_storage::oci::{Digest, InvalidManifest, Manifest};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::failure::Failure;

/// How deep lists of images may nest.
const MAX_DEPTH: usize = 4;
/// How many manifests are looked at for one image.
const MAX_MANIFESTS: usize = 2000;

/// What manifests that do not say what they are are taken for.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where manifests are read from.
pub(super) trait Manifests: Sync {
    /// A manifest; what it hashes to has been looked at.
    fn manifest(
        &self,
        digest: Digest,
    ) -> impl Future<Output = Result<Arc<Manifest>, Failure>> + Send;
}

/// A manifest.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) digest: Digest,
    pub(super) manifest: Arc<Manifest>,
}

/// A manifest and all that it lists, each once and what is listed first.
pub(super) async fn expand(from: &impl Manifests, top: Digest) -> Result<Vec<Node>, Failure> {
    let mut nodes = Vec::new();
    let mut done = HashSet::new();
    let mut looked_at = 0;
    // What is looked at, how deep, and its manifest once all that it lists stands above it.
    let mut stack = vec![(top, 0, None)];
    while let Some((digest, depth, expanded)) = stack.pop() {
        if done.contains(&digest) {
            continue;
        }
        if let Some(manifest) = expanded {
            done.insert(digest);
            nodes.push(Node { digest, manifest });
            continue;
        }
        looked_at += 1;
        if looked_at > MAX_MANIFESTS {
            let most = MAX_MANIFESTS;
            return Err(Failure::TooMany { most });
        }
        if depth > MAX_DEPTH {
            return Err(Failure::Nested { digest });
        }
        let manifest = from.manifest(digest).await?;
        stack.push((digest, depth, Some(Arc::clone(&manifest))));
        let children = manifest.children().iter().rev();
        stack.extend(children.map(|child| (child.digest, depth + 1, None)));
    }
    Ok(nodes)
}

/// The blobs that manifests need, each once, with their sizes. Foreign layers stay where they are.
pub(super) fn blobs(nodes: &[Node]) -> BTreeMap<Digest, u64> {
    let blobs = nodes.iter().flat_map(|node| node.manifest.blobs());
    let held = blobs.filter(|blob| blob.is_held_here());
    held.map(|blob| (blob.digest, blob.size)).collect()
}

/// Reads a manifest of which nothing but its bytes is known.
pub(super) fn parse(digest: Digest, bytes: Bytes) -> Result<Arc<Manifest>, Failure> {
    let guessed = guess(&bytes);
    let parsed = Manifest::parse(guessed, bytes);
    let parsed = parsed.map_err(|source: InvalidManifest| Failure::Manifest {
        digest,
        source: Arc::new(source),
    })?;
    Ok(Arc::new(parsed))
}

/// What a manifest is that does not say so itself, as containers/image guesses it.
fn guess(bytes: &[u8]) -> Option<&'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
    }
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    match (shape.media_type, shape.manifests) {
        (Some(named), _) if !named.is_empty() => None,
        (_, Some(IgnoredAny)) => Some(INDEX),
        (_, None) => Some(IMAGE),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use roadstead_storage::oci::Algorithm;

    use super::*;

    struct Made(HashMap<Digest, Arc<Manifest>>);

    impl Manifests for Made {
        async fn manifest(&self, digest: Digest) -> Result<Arc<Manifest>, Failure> {
            let made = self.0.get(&digest).cloned();
            made.ok_or(Failure::MissingHere { digest })
        }
    }

    impl Made {
        fn list(&mut self, listed: &[Digest]) -> Digest {
            let manifests: Vec<_> = listed
                .iter()
                .map(|digest| {
                    format!("{{\"mediaType\":\"{INDEX}\",\"digest\":\"{digest}\",\"size\":1}}")
                })
                .collect();
            let text = format!(
                "{{\"schemaVersion\":2,\"manifests\":[{}]}}",
                manifests.join(",")
            );
            let digest = Digest::of(Algorithm::Sha256, text.as_bytes());
            self.0.insert(digest, parse(digest, text.into()).unwrap());
            digest
        }
    }

    #[tokio::test]
    async fn what_is_listed_comes_first_and_each_once() {
        let mut made = Made(HashMap::new());
        let leaf = made.list(&[]);
        let inner = made.list(&[leaf]);
        let top = made.list(&[inner, leaf]);
        let nodes = expand(&made, top).await.unwrap();
        let digests: Vec<_> = nodes.iter().map(|node| node.digest).collect();
        assert_eq!(digests, [leaf, inner, top]);
    }

    #[tokio::test]
    async fn lists_of_lists_of_lists_come_to_an_end() {
        let mut made = Made(HashMap::new());
        let mut top = made.list(&[]);
        for _ in 0..MAX_DEPTH {
            top = made.list(&[top]);
        }
        assert_eq!(expand(&made, top).await.unwrap().len(), MAX_DEPTH + 1);
        let deeper = made.list(&[top]);
        let failed = expand(&made, deeper).await;
        assert!(matches!(failed, Err(Failure::Nested { .. })));
    }

    #[test]
    fn a_manifest_that_does_not_say_what_it_is_is_known_by_its_fields() {
        let config = "{\"digest\":\"sha256:HEX\",\"size\":2,\"mediaType\":\"a/b\"}";
        let config = config.replace("HEX", &"0".repeat(64));
        let image = format!("{{\"schemaVersion\":2,\"config\":{config},\"layers\":[]}}");
        let digest = Digest::of(Algorithm::Sha256, image.as_bytes());
        let parsed = parse(digest, image.into()).unwrap();
        assert!(parsed.media_type().is_image());
        let list = "{\"schemaVersion\":2,\"manifests\":[]}";
        assert!(parse(digest, list.into()).unwrap().media_type().is_index());
        let said = list.replacen('{', "{\"mediaType\":\"text/plain\",", 1);
        parse(digest, said.into()).unwrap_err();
    }
}
