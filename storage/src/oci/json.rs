//! Strict JSON: a manifest in which a key could be taken for another is refused.
//!
//! Parsers differ in which of two equal keys they believe, and in whether case counts (to Go's it does
//! not), so a checker and a runtime would see different documents (GHSA-qq97-vm5h-rrhg and its kin).
//! Knows where in a manifest which keys are read, and nothing of their values.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Refuses `bytes` that are no JSON, that hold a key twice in one object, whatever its case, or a key
/// that is read here in another case.
///
/// # Errors
/// The parser's own, with position.
pub(super) fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    Part::Document.deserialize(&mut parser)?;
    parser.end()
}

/// A value of a manifest, by what its keys mean; of a list, what each element is. Reading it checks it
/// and keeps nothing.
#[derive(Clone, Copy)]
enum Part {
    /// The keys are data and no names of fields: case counts.
    Annotations,
    Descriptor,
    Document,
    Platform,
    Unknown,
}

impl Part {
    /// The keys that are read of it.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Annotations | Self::Unknown => &[],
            Self::Descriptor => &[
                "annotations",
                "artifactType",
                "digest",
                "mediaType",
                "platform",
                "size",
                "urls",
            ],
            Self::Document => &[
                "annotations",
                "artifactType",
                "config",
                "layers",
                "manifests",
                "mediaType",
                "schemaVersion",
                "subject",
            ],
            Self::Platform => &["architecture", "os", "variant"],
        }
    }

    /// What stands under `key` in it.
    fn at(self, key: &str) -> Self {
        match (self, key) {
            (Self::Document, "config" | "layers" | "manifests" | "subject") => Self::Descriptor,
            (Self::Document | Self::Descriptor, "annotations") => Self::Annotations,
            (Self::Descriptor, "platform") => Self::Platform,
            _ => Self::Unknown,
        }
    }
}

/// `key` as a reader sees it to whom case does not count. Not only ASCII: to Go's, `\u{17f}` is an `s`
/// and `\u{212a}` a `k`.
fn folded(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(self.at(&key))?;
            if let Self::Annotations = self {
                if !seen.insert(key) {
                    return Err(A::Error::custom("a key stands twice in one object"));
                }
                continue;
            }
            let seen_by_others = folded(&key);
            for read in self.keys() {
                if read.eq_ignore_ascii_case(&seen_by_others) && *read != key {
                    return Err(A::Error::custom(format_args!(
                        "the key {key:?} differs from {read:?} only in case"
                    )));
                }
            }
            if !seen.insert(seen_by_others) {
                return Err(A::Error::custom(
                    "a key stands twice in one object, where case does not count",
                ));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
