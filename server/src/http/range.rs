//! Which part of some content a request asks for (RFC 9110 section 14).
//!
//! Pure. Where the RFC leaves a choice, or clients know better than it, the comment says who. Invariant:
//! a [`Span`] that is handed out lies inside the content it was parsed for.

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use roadstead_storage::oci::Digest;

use crate::http::header::{etag, number};

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

#[cfg(test)]
mod tests {
    use http::HeaderValue;
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

    #[test]
    fn a_range_counts_only_for_the_content_that_if_range_names() {
        let part = Selection::Parts(vec![Span::between(1, 2)]);
        let digest = Digest::of(Algorithm::Sha256, b"content");
        let same = format!("\"{digest}\"");
        let weak = format!("W/{same}");
        let cases = [
            (same.as_str(), part),
            (weak.as_str(), Selection::Whole),
            ("\"other\"", Selection::Whole),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Selection::Whole),
        ];
        for (if_range, expected) in cases {
            let headers = [(RANGE, "bytes=1-2"), (IF_RANGE, if_range)]
                .map(|(name, text)| (name, HeaderValue::from_str(text).expect("visible")))
                .into_iter()
                .collect();
            assert_eq!(selection(&headers, &digest, 10), expected, "{if_range}");
        }
    }
}
