//! The contract of scrub: what is damaged is found and never served, what can be mended is, what is
//! lost is told with everything it concerns, and a whole store has no defects.

mod bit_flips;
#[path = "../common/mod.rs"]
mod common;
mod cut;
mod loss;
mod repair;
mod running;

use std::path::Path;
use std::sync::Arc;

use common::{leave, repo};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, MediaType, Reference};
use roadstead_storage::{Outcome, Problem, ScrubOptions, Scrubbed, Store, UploadId};

pub(crate) async fn scrub(store: &Store) -> Scrubbed {
    store
        .scrub(ScrubOptions::default(), Arc::default(), |_| {})
        .await
        .expect("scrubs")
}

/// What a defect-free store says.
#[track_caller]
pub(crate) fn is_clean(scrubbed: &Scrubbed) {
    assert_eq!(scrubbed.defects, []);
}

/// Path, problem, outcome and what is affected of the only defect.
#[track_caller]
pub(crate) fn only(scrubbed: &Scrubbed) -> (String, Problem, Outcome, Vec<String>) {
    let [defect] = &scrubbed.defects[..] else {
        panic!("{:?}", scrubbed.defects)
    };
    let affects = defect.affects.iter().map(ToString::to_string).collect();
    let path = defect.path.display().to_string();
    (path, defect.problem, defect.outcome, affects)
}

pub(crate) fn blob_path(digest: Digest) -> String {
    let hex = digest.hex();
    format!("blobs/{}/{}/{hex}", digest.algorithm(), &hex[..2])
}

pub(crate) fn record_path(name: &str, digest: Digest) -> String {
    let hex = digest.hex();
    format!("repos/{name}/_manifests/{}/{hex}", digest.algorithm())
}

pub(crate) fn flip(path: &Path, offset: usize) {
    let mut bytes = std::fs::read(path).expect("is there");
    bytes[offset] ^= 1 << (offset % 8);
    std::fs::write(path, bytes).expect("can be written");
}

pub(crate) fn by_digest(manifest: &Manifest) -> Reference {
    Reference::Digest(manifest.digest(Algorithm::Sha256))
}

pub(crate) fn index_of(children: &[&Manifest]) -> Manifest {
    let describe = |child: &&Manifest| {
        let (media_type, size) = (child.media_type(), child.bytes().len());
        let digest = child.digest(Algorithm::Sha256);
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    };
    let children: Vec<_> = children.iter().map(describe).collect();
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        children.join(",")
    );
    Manifest::parse(Some(MediaType::OCI_INDEX.as_str()), text.into()).expect("a valid index")
}

pub(crate) fn about(subject: &Manifest) -> String {
    let digest = subject.digest(Algorithm::Sha256);
    format!(r#","subject":{{"mediaType":"a/b","digest":"{digest}","size":1}}"#)
}

/// An upload into the repository `up`, at rest.
pub(crate) async fn begin_upload(store: &Store, bytes: &[u8]) -> UploadId {
    leave(store, &repo("up"), bytes).await
}
