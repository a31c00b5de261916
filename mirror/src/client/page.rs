//! The pages of a listing: where the next one is (RFC 8288, as distribution writes it).
//!
//! Invariant: whatever host a link names, the next page is asked of the host of the first.

use http::header::LINK;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

/// The path and query of the next page.
pub(super) fn next(current: &Uri, headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter();
    let target = links
        .filter_map(|value| value.to_str().ok())
        .find_map(next_target)?;
    let target = match target.split_once("://") {
        // Behind a proxy a registry may know itself by another name, so only the path counts.
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let target = if target.starts_with('/') {
        target.to_owned()
    } else if target.starts_with('?') {
        format!("{}{target}", current.path())
    } else {
        let (folder, _) = current.path().rsplit_once('/')?;
        format!("{folder}/{target}")
    };
    let is_other = current.path_and_query().map(PathAndQuery::as_str) != Some(target.as_str());
    is_other.then_some(target)
}

fn next_target(value: &str) -> Option<&str> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split_once('<').map_or(after, |(here, _)| here);
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"') == "next"
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(link: &str, expected: Option<&str>) {
        let current: Uri = "https://reg.example.com/v2/a/tags/list?n=2"
            .parse()
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(link).unwrap());
        assert_eq!(next(&current, &headers).as_deref(), expected, "{link}");
    }

    #[test]
    fn only_the_path_of_a_link_counts() {
        let expected = Some("/v2/a/tags/list?n=2&last=b");
        check("</v2/a/tags/list?n=2&last=b>; rel=\"next\"", expected);
        check(
            "<https://inner:5000/v2/a/tags/list?n=2&last=b>; rel=\"next\"",
            expected,
        );
        check("<?n=2&last=b>;rel=next", expected);
        check("<list?n=2&last=b>; rel=\"next\"", expected);
        check(
            "</x>; rel=\"prev\", </v2/a/tags/list?n=2&last=b>; rel=\"next\"",
            expected,
        );
    }

    #[test]
    fn what_leads_nowhere_is_the_last_page() {
        check("</v2/a/tags/list?n=2>; rel=\"next\"", None);
        check("</x>; rel=\"prev\"", None);
        check("</x", None);
        check("", None);
    }
}
