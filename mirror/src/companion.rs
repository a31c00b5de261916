//! The tags under which something lies that belongs to a manifest, made from the manifest's digest.
//!
//! Where there is no API for referrers, a tag lists them (distribution specification, "Referrers Tag
//! Schema"); cosign keeps signatures, attestations and bills of material under tags with suffixes.

use roadstead_storage::oci::{Digest, Tag};

/// What cosign appends.
const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// The tag that lists referrers where there is no API for it.
pub(crate) fn fallback_tag(subject: &Digest) -> Tag {
    tag(subject, "")
}

/// Every tag under which something may lie that belongs to `subject`.
pub(crate) fn companion_tags(subject: &Digest) -> impl Iterator<Item = Tag> {
    let suffixes = [""].into_iter().chain(SUFFIXES);
    suffixes.map(|suffix| tag(subject, suffix))
}

/// Whether a tag is made from a digest.
pub(crate) fn is_companion_tag(tag: &Tag) -> bool {
    let name = tag.as_str();
    let suffix = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
    let Some((algorithm, hex)) = suffix.unwrap_or(name).split_once('-') else {
        return false;
    };
    matches!(algorithm, "sha256" | "sha512")
        && hex.len() == 64
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn tag(subject: &Digest, suffix: &str) -> Tag {
    // Of the longer digests the tag has only the beginning: no tag is longer than 128.
    let hex = subject.hex();
    let hex = hex.get(..64).unwrap_or(&hex);
    format!("{}-{hex}{suffix}", subject.algorithm())
        .parse()
        .expect("an algorithm, hex digits and a suffix make a tag")
}

#[cfg(test)]
mod tests {
    use roadstead_storage::oci::Algorithm;

    use super::*;

    #[test]
    fn a_tag_made_from_a_digest_is_known_as_such() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let tags: Vec<_> = companion_tags(&Digest::of(algorithm, b"x")).collect();
            assert_eq!(tags.len(), 4);
            assert!(tags.iter().all(is_companion_tag), "{tags:?}");
        }
        for other in ["latest", "sha256-abc", "sha256-abc.sig", "v1.sig"] {
            assert!(!is_companion_tag(&other.parse().unwrap()), "{other}");
        }
    }
}
