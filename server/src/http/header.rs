//! The headers of requests and answers that have a grammar of their own.
//!
//! Pure: text in, checked values out (RFC 9110 sections 8.8 and 13; distribution-spec end-5 and
//! end-8b). Knows neither the store nor who asks. Ranges of content are next door, in `range.rs`.

use std::fmt::Display;

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue};
use humantime::format_rfc3339_seconds;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use roadstead_mirror::Stale;
use roadstead_storage::oci::Digest;

/// `Docker-Content-Digest`: the digest of what is served or was stored.
pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");
/// `Docker-Upload-UUID`: the upload's id, for old clients.
pub(crate) const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// `OCI-Filters-Applied`: which filters a list of referrers went through (end-12b).
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// `OCI-Subject`: the subject that was noticed in a pushed manifest (end-7a).
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// `OCI-Tag`: a tag that was set along with a manifest (end-7b).
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// `OCI-Namespace`: the registry that the client took us for ("Registry Proxying").
pub(crate) const OCI_NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");

/// Digits only; a number too large for us is as good as infinite.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The strong validator of content that is named by its digest.
pub(crate) fn etag(digest: &Digest) -> HeaderValue {
    value(format!("\"{digest}\""))
}

/// What is said where an upstream does not confirm what is served: since when not. 299, for there is no
/// number for this that clients would understand.
pub(crate) fn warning(stale: &Stale) -> HeaderValue {
    let since = stale.checked_at.map_or_else(String::new, |checked_at| {
        format!(", last confirmed {}", format_rfc3339_seconds(checked_at))
    });
    value(format!(
        "299 - \"stale: the upstream does not answer{since}\""
    ))
}

/// Whether `If-None-Match` says that the client holds `digest` already: 304.
///
/// Compares weakly, and forgives a digest without its quotation marks.
pub(crate) fn is_held(headers: &HeaderMap, digest: &Digest) -> bool {
    let digest = digest.to_string();
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag == "*" || tag.trim_matches('"') == digest
        })
}

/// Where a chunk belongs in its upload, as its `Content-Range` says (end-5): `a-b`.
///
/// The form of RFC 9110, `bytes a-b/total`, is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The offset of its first byte.
    pub(crate) start: u64,
    /// How many bytes it has.
    pub(crate) len: u64,
}

impl Chunk {
    /// Parses the value of `Content-Range`; `None` when it has neither form.
    pub(crate) fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?.trim();
        let text = text.strip_prefix("bytes").map_or(text, str::trim_start);
        let text = text.split_once('/').map_or(text, |(range, _total)| range);
        let (start, last) = text.split_once('-')?;
        let (start, last) = (number(start)?, number(last)?);
        let len = last.checked_sub(start)?.checked_add(1)?;
        Some(Self { start, len })
    }
}

/// The `Range` of an upload that holds `offset` bytes: the index of its last byte, no unit.
///
/// With nothing stored it is `0-0` as well; the specification has no better word for it.
pub(crate) fn upload_range(offset: u64) -> HeaderValue {
    value(format!("0-{}", offset.saturating_sub(1)))
}

/// The `Link` to the next page of a listing at `path`, which goes on after `last` (end-8b).
pub(crate) fn next_page(path: &str, last: &str, limit: usize) -> HeaderValue {
    let last = encoded(last);
    value(format!("<{path}?last={last}&n={limit}>; rel=\"next\""))
}

/// Text as it stands in a query: what RFC 3986 leaves unreserved stays readable.
pub(crate) fn encoded(text: &str) -> impl Display {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED)
}

/// A header value of text that is visible ASCII by construction: numbers, names, digests.
pub(crate) fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("numbers, names and digests are visible ASCII")
}

#[cfg(test)]
mod tests {
    use roadstead_storage::oci::Algorithm;

    use super::*;

    fn digest() -> Digest {
        Digest::of(Algorithm::Sha256, b"content")
    }

    #[track_caller]
    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, text)| (name.clone(), HeaderValue::from_str(text).expect("visible")))
            .collect()
    }

    #[test]
    fn content_the_client_holds_is_recognised_in_every_spelling() {
        let tag = digest().to_string();
        let spellings = [
            format!("\"{tag}\""),
            format!("W/\"{tag}\""),
            tag.clone(),
            format!("\"x\", \"{tag}\""),
            "*".to_owned(),
        ];
        for spelling in spellings {
            assert!(
                is_held(&headers(&[(IF_NONE_MATCH, &spelling)]), &digest()),
                "{spelling}"
            );
        }
        assert!(!is_held(
            &headers(&[(IF_NONE_MATCH, "\"sha256:00\"")]),
            &digest()
        ));
        assert!(!is_held(&HeaderMap::new(), &digest()));
    }

    #[track_caller]
    fn chunk(text: &str, expected: Option<(u64, u64)>) {
        let parsed = Chunk::parse(&HeaderValue::from_str(text).expect("visible"));
        assert_eq!(
            parsed.map(|chunk| (chunk.start, chunk.len)),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_chunk_says_where_it_begins_and_how_long_it_is() {
        chunk("0-0", Some((0, 1)));
        chunk("10-19", Some((10, 10)));
        chunk("bytes 10-19/*", Some((10, 10)));
        chunk("bytes 10-19/100", Some((10, 10)));
        for broken in [
            "",
            "5",
            "-5",
            "5-",
            "9-5",
            "a-b",
            "0--1",
            "0-18446744073709551615",
        ] {
            chunk(broken, None);
        }
    }

    #[test]
    fn an_upload_s_range_ends_at_its_last_byte() {
        assert_eq!(upload_range(0), "0-0");
        assert_eq!(upload_range(1), "0-0");
        assert_eq!(upload_range(100), "0-99");
    }

    #[test]
    fn the_link_to_the_next_page_encodes_where_it_goes_on() {
        assert_eq!(
            next_page("/v2/a/tags/list", "v1.0_x-y", 2),
            "</v2/a/tags/list?last=v1.0_x-y&n=2>; rel=\"next\""
        );
        assert_eq!(
            next_page("/v2/_catalog", "a/b", 1),
            "</v2/_catalog?last=a%2Fb&n=1>; rel=\"next\""
        );
    }
}
