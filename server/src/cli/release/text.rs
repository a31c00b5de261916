//! How what is told of releases reads.
//!
//! What one consists of reads as `oc adm release info` writes it, for eyes and scripts that know that.

use std::fmt::Write;

use serde_json::Value;

use super::program::Finished;
use crate::admin::report::{
    ComponentState, MarkerName, ReleaseList, RemovedRelease, ShownRelease, VerifiedComponent,
    VerifiedRelease,
};
use crate::cli::print;

/// All releases.
pub(super) fn list(list: &ReleaseList) -> String {
    let head = ["VERSION", "ARCH", "IMAGE", "DIGEST"].map(str::to_owned);
    let rows = list.releases.iter().map(|release| {
        [
            release.version.clone(),
            release.arch.clone(),
            release.image.clone(),
            release.digest.to_string(),
        ]
    });
    print::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// One release.
pub(super) fn info(shown: &ShownRelease) -> String {
    let said = |key: &str| shown.info.config.get(key).and_then(Value::as_str);
    let mut text = print::table(&[
        row("Name:", &shown.name),
        row("Digest:", &shown.info.digest.to_string()),
        row("Created:", said("created").unwrap_or("unknown")),
        row("OS/Arch:", &system(shown)),
        row("Manifests:", &shown.manifests.to_string()),
        row("Metadata files:", &shown.metadata_files.to_string()),
    ]);
    let _ = write!(text, "\nPull From: {}\n", shown.pull_from);
    metadata(&mut text, shown);
    if let Some(versions) = &shown.info.display_versions {
        let rows: Vec<_> = versions
            .iter()
            .map(|(name, it)| {
                let named = format!("{} {}", it.version, it.display_name);
                row(&format!("  {name}"), named.trim_end())
            })
            .collect();
        let _ = write!(text, "\nComponent Versions:\n{}", print::table(&rows));
    }
    let head = row("  NAME", "DIGEST");
    let images = shown.images.iter();
    let rows = images.map(|image| row(&format!("  {}", image.name), &image.digest.to_string()));
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let _ = write!(text, "\nImages:\n{}", print::table(&rows));
    text
}

fn row(name: &str, value: &str) -> [String; 2] {
    [name.to_owned(), value.to_owned()]
}

fn system(shown: &ShownRelease) -> String {
    let said = |key: &str| shown.info.config.get(key).and_then(Value::as_str);
    let system = format!(
        "{}/{}",
        said("os").unwrap_or("linux"),
        said("architecture").unwrap_or("unknown")
    );
    if shown.info.list_digest.is_empty() {
        system
    } else {
        format!("multi ({system})")
    }
}

/// What the release says of itself and its way.
fn metadata(text: &mut String, shown: &ShownRelease) {
    let Some(document) = &shown.info.metadata else {
        return;
    };
    let _ = write!(text, "\nRelease Metadata:\n  Version:  {}\n", shown.version);
    for (key, name) in [("previous", "Upgrades"), ("next", "Next")] {
        let versions = document.get(key).and_then(Value::as_array);
        let versions: Vec<_> = versions
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !versions.is_empty() {
            let _ = writeln!(text, "  {:<9} {}", format!("{name}:"), versions.join(", "));
        }
    }
    let more = document.get("metadata").and_then(Value::as_object);
    if let Some(more) = more.filter(|more| !more.is_empty()) {
        text.push_str("  Metadata:\n");
        for (key, value) in more {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(text, "    {key}: {value}");
        }
    }
}

/// What became of reading all of a release again.
pub(super) fn verified(verified: &VerifiedRelease) -> String {
    let mut text = String::new();
    for image in &verified.images {
        if is_whole(image) {
            continue;
        }
        let _ = writeln!(text, "{} {}", image.name, image.digest);
        let parts = [("missing", &image.missing), ("damaged", &image.damaged)];
        for (state, digests) in parts {
            for digest in digests {
                let _ = writeln!(text, "  {state} {digest}");
            }
        }
    }
    let whole = verified.images.iter().filter(|image| is_whole(image));
    let whole = whole.count();
    let all = verified.images.len();
    let read = print::size(verified.bytes);
    let _ = writeln!(
        text,
        "{}@{}: {whole} of {} whole, {read} read",
        verified.image,
        verified.digest,
        print::count(all as u64, "image"),
    );
    for signature in &verified.signatures {
        let _ = writeln!(
            text,
            "signed on {} by {} as {}",
            signature.made_at,
            signature.key,
            signature.reference.escape_debug()
        );
    }
    for signature in &verified.useless_signatures {
        let _ = writeln!(
            text,
            "signature {} vouches for nothing: {}",
            signature.number, signature.because
        );
    }
    if verified.signatures.is_empty() && verified.useless_signatures.is_empty() {
        text.push_str("no signature is held\n");
    }
    text
}

fn is_whole(image: &VerifiedComponent) -> bool {
    image.state == ComponentState::Ok
}

/// What was removed.
pub(super) fn removed(removed: &RemovedRelease) -> String {
    let (verb, frees) = if removed.dry_run {
        ("would remove", "would free")
    } else {
        ("removed", "frees")
    };
    let mut text = format!("{verb} {} ({})\n", removed.image, removed.digest);
    for part in &removed.repositories {
        let tags = print::count(part.tags.len() as u64, "tag");
        let manifests = print::count(part.manifests.len() as u64, "manifest");
        let _ = writeln!(text, "{verb} {tags} and {manifests} from {}", part.name);
    }
    if removed.signatures > 0 {
        let signatures = print::count(removed.signatures as u64, "release signature");
        let _ = writeln!(text, "{verb} {signatures}");
    }
    if !removed.kept.is_empty() {
        let kept = print::count(removed.kept.len() as u64, "image");
        let _ = writeln!(text, "{kept} stay, which something else needs");
    }
    let _ = writeln!(text, "{frees} {}", print::size(removed.freed_bytes));
    text
}

/// A program that is ready.
pub(super) fn finished(finished: &Finished) -> String {
    let mut text = format!(
        "{} for {}, of the release {} ({})\n",
        finished.path.display(),
        finished.system,
        finished.version,
        print::size(finished.size)
    );
    if let Some(other) = &finished.other_path {
        let _ = writeln!(text, "{} is the same", other.display());
    }
    let image = finished.filled_in.iter();
    for filling in image.filter(|filling| filling.marker == MarkerName::Image) {
        let _ = writeln!(text, "installs {}", filling.value);
    }
    for marker in &finished.without_place {
        let what = match marker {
            MarkerName::Architecture => "architecture",
            MarkerName::Image => "release image",
            MarkerName::Version => "version",
        };
        let _ = writeln!(
            text,
            "warning: it has no place for the {what}, and says none"
        );
    }
    if finished.signed_again {
        text.push_str("its signature was made again\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use roadstead_storage::oci::Digest;
    use serde_json::json;

    use super::*;
    use crate::admin::report::{ComponentVersion, ReleaseImage, ReleaseInfo, UselessSignature};

    fn digest(end: char) -> Digest {
        let hex = format!("{}{end}", "0".repeat(63));
        format!("sha256:{hex}").parse().unwrap()
    }

    #[test]
    fn a_release_reads_as_oc_tells_it() {
        let version = ComponentVersion {
            version: "1.31.6".to_owned(),
            display_name: "Kubernetes".to_owned(),
        };
        let image = |name: &str, end| ReleaseImage {
            name: name.to_owned(),
            digest: digest(end),
        };
        let info = ReleaseInfo {
            image: "r.example.com/openshift/release-images:4.18.7-x86_64".to_owned(),
            digest: digest('a'),
            content_digest: digest('a'),
            list_digest: String::new(),
            config: json!({ "created": "2026-11-22T06:06:07Z", "os": "linux", "architecture": "amd64" }),
            metadata: Some(
                json!({ "version": "4.18.7", "previous": ["4.17.20", "4.18.6"],
                "metadata": { "url": "https://example.com/errata" } }),
            ),
            references: json!({}),
            versions: None,
            display_versions: Some([("kubernetes".to_owned(), version)].into()),
            versions_tags: std::collections::BTreeMap::new(),
            images: None,
            warnings: None,
        };
        let shown = ShownRelease {
            name: "4.18.7".to_owned(),
            version: "4.18.7".to_owned(),
            pull_from: "r.example.com/openshift/release-images@sha256:0".to_owned(),
            manifests: 753,
            metadata_files: 2,
            images: vec![image("cli", 'b'), image("installer", 'c')],
            info,
        };
        let [release, cli, installer] = ['a', 'b', 'c'].map(digest);
        let expected = format!(
            "Name:            4.18.7
Digest:          {release}
Created:         2026-11-22T06:06:07Z
OS/Arch:         linux/amd64
Manifests:       753
Metadata files:  2

Pull From: r.example.com/openshift/release-images@sha256:0

Release Metadata:
  Version:  4.18.7
  Upgrades: 4.17.20, 4.18.6
  Metadata:
    url: https://example.com/errata

Component Versions:
  kubernetes  1.31.6 Kubernetes

Images:
  NAME       DIGEST
  cli        {cli}
  installer  {installer}
"
        );
        assert_eq!(super::info(&shown), expected);
    }

    #[test]
    fn what_is_wrong_with_a_release_is_named() {
        let component = |name: &str, state, missing: &[Digest]| VerifiedComponent {
            name: name.to_owned(),
            digest: digest('b'),
            state,
            missing: missing.iter().copied().collect(),
            damaged: BTreeSet::new(),
        };
        let report = VerifiedRelease {
            image: "openshift/release-images:4.18.7-x86_64".to_owned(),
            digest: digest('a'),
            whole: false,
            signed: false,
            images: vec![
                component("release image", ComponentState::Ok, &[]),
                component("cli", ComponentState::Missing, &[digest('c')]),
            ],
            signatures: Vec::new(),
            useless_signatures: vec![UselessSignature {
                number: 1,
                because: "it was changed".to_owned(),
            }],
            bytes: 2048,
        };
        let [release, cli, layer] = ['a', 'b', 'c'].map(digest);
        let expected = format!(
            "cli {cli}
  missing {layer}
openshift/release-images:4.18.7-x86_64@{release}: 1 of 2 images whole, 2.0 KiB read
signature 1 vouches for nothing: it was changed
"
        );
        assert_eq!(verified(&report), expected);
    }
}
