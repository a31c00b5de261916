//! The headers of requests and answers that have a grammar of their own.
//!
//! Pure: text in, checked values out (RFC 9110 sections 8.8, 13 and 14; distribution-spec end-5 and
//! end-8b). Knows neither the store nor who asks. Invariant: a [`Span`] it hands out lies inside the
//! content it was parsed for.

use std::fmt::Display;

use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
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

/// More ranges than this in one request and the whole content is sent: containers/image asks for as
/// many as a zstd:chunked layer has missing chunks, and splits a whole answer by itself.
const MAX_RANGES: usize = 1024;

/// A stretch of content: `len` bytes from `start` on, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first byte.
    pub(crate) start: u64,
    /// How many bytes.
    pub(crate) len: u64,
}

impl Span {
    /// From the first to the last byte, both included.
    fn between(start: u64, last: u64) -> Self {
        Self {
            start,
            len: last - start + 1,
        }
    }

    /// The value of `Content-Range` for this part of `total` bytes.
    pub(crate) fn content_range(&self, total: u64) -> String {
        format!("bytes {}-{}/{total}", self.start, self.start + self.len - 1)
    }
}

/// Which part of the content a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// One or several parts, in the order asked; never empty.
    Parts(Vec<Span>),
    /// Nothing that exists: 416.
    Unsatisfiable,
    /// All of it.
    Whole,
}

/// What `Range` and `If-Range` select of `total` bytes named by `digest`.
pub(crate) fn selection(headers: &HeaderMap, digest: &Digest, total: u64) -> Selection {
    let Some(range) = headers.get(RANGE).and_then(|range| range.to_str().ok()) else {
        return Selection::Whole;
    };
    let fresh = headers.get(IF_RANGE).is_none_or(|tag| *tag == etag(digest));
    if fresh {
        select(range, total)
    } else {
        Selection::Whole
    }
}

fn select(range: &str, total: u64) -> Selection {
    let Some((unit, list)) = range.split_once('=') else {
        return Selection::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let mut spans = Vec::new();
    let mut asked = 0;
    for item in list
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        asked += 1;
        match span(item, total) {
            Some(Ok(span)) => spans.push(span),
            Some(Err(OutOfReach)) => {}
            None => return Selection::Whole,
        }
        if asked > MAX_RANGES {
            return Selection::Whole;
        }
    }
    if asked == 0 {
        return Selection::Whole;
    }
    if spans.is_empty() {
        return Selection::Unsatisfiable;
    }
    // Parts that overlap so much that they add up to more than the content cost more than all of
    // it; RFC 9110 section 14.2 lets a server not play along.
    let wanted = spans
        .iter()
        .fold(0_u64, |sum, span| sum.saturating_add(span.len));
    if wanted > total {
        Selection::Whole
    } else {
        Selection::Parts(spans)
    }
}

struct OutOfReach;

/// One `first-last`, `first-` or `-suffix`; `None` when it is neither.
///
/// `last` before `first` is a syntax error by RFC 9110, which would mean the whole content; the
/// conformance suite and the reference registry want 416, as for a range past the end.
fn span(item: &str, total: u64) -> Option<Result<Span, OutOfReach>> {
    let (first, last) = item.split_once('-')?;
    Some(match (number(first), number(last)) {
        (Some(first), Some(last)) if last >= first && first < total => {
            Ok(Span::between(first, last.min(total - 1)))
        }
        (Some(first), None) if last.is_empty() && first < total => {
            Ok(Span::between(first, total - 1))
        }
        (None, Some(suffix)) if first.is_empty() && suffix > 0 && total > 0 => {
            Ok(Span::between(total.saturating_sub(suffix), total - 1))
        }
        (Some(_), Some(_)) => Err(OutOfReach),
        (Some(_), None) if last.is_empty() => Err(OutOfReach),
        (None, Some(_)) if first.is_empty() => Err(OutOfReach),
        _ => return None,
    })
}

/// Digits only; a number too large for us is as good as infinite.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The strong validator of content that is named by its digest.
pub(crate) fn etag(digest: &Digest) -> HeaderValue {
    value(format!("\"{digest}\""))
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

    #[track_caller]
    fn selects(range: &str, total: u64, expected: &[(u64, u64)]) {
        let spans = expected
            .iter()
            .map(|(first, last)| Span::between(*first, *last))
            .collect();
        assert_eq!(select(range, total), Selection::Parts(spans), "{range}");
    }

    #[track_caller]
    fn selects_all(range: &str) {
        assert_eq!(select(range, 100), Selection::Whole, "{range}");
    }

    #[track_caller]
    fn selects_nothing(range: &str, total: u64) {
        assert_eq!(select(range, total), Selection::Unsatisfiable, "{range}");
    }

    #[test]
    fn a_range_selects_its_part_and_is_cut_at_the_end() {
        selects("bytes=0-0", 100, &[(0, 0)]);
        selects("bytes=0-99", 100, &[(0, 99)]);
        selects("bytes=10-100", 100, &[(10, 99)]);
        selects("bytes=10-99999999999999999999999", 100, &[(10, 99)]);
        selects("bytes=10-", 100, &[(10, 99)]);
        selects("bytes=-1", 100, &[(99, 99)]);
        selects("bytes=-1000", 100, &[(0, 99)]);
        selects("Bytes = 5-6", 100, &[(5, 6)]);
    }

    #[test]
    fn several_ranges_keep_their_order_and_are_not_merged() {
        selects("bytes=20-29,0-9, 30-39", 100, &[(20, 29), (0, 9), (30, 39)]);
        selects("bytes=0-9,500-600", 100, &[(0, 9)]);
        selects("bytes=0-9,,10-19,", 100, &[(0, 9), (10, 19)]);
    }

    #[test]
    fn a_range_that_nothing_satisfies_is_refused() {
        for range in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=50-40",
            "bytes=-0",
            "bytes=100-,-0",
        ] {
            selects_nothing(range, 100);
        }
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            selects_nothing(range, 0);
        }
    }

    #[test]
    fn what_is_no_range_of_bytes_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=x",
            "bytes=1",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1-2x",
            "lines=1-2",
            "bytes=0-9,x",
        ] {
            selects_all(range);
        }
    }

    #[test]
    fn ranges_that_would_cost_more_than_the_content_get_the_content() {
        selects_all("bytes=0-99,0-0");
        selects_all("bytes=0-,0-,0-");
        selects_all(&format!("bytes={}", vec!["0-0"; MAX_RANGES + 1].join(",")));
    }

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
    fn a_range_counts_only_for_the_content_that_if_range_names() {
        let part = Selection::Parts(vec![Span::between(1, 2)]);
        let range = (RANGE, "bytes=1-2");
        let same = format!("\"{}\"", digest());
        let weak = format!("W/{same}");
        let cases = [
            (same.as_str(), part),
            (weak.as_str(), Selection::Whole),
            ("\"other\"", Selection::Whole),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Selection::Whole),
        ];
        for (if_range, expected) in cases {
            let headers = headers(&[range.clone(), (IF_RANGE, if_range)]);
            assert_eq!(selection(&headers, &digest(), 10), expected, "{if_range}");
        }
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
