//! Redirects: which answers are some, and where they lead.
//!
//! Whether anybody goes there is decided by who asked. Invariant: a redirect leads to a URL of a host, which
//! holds no login.

use http::{StatusCode, Uri};

use super::host::Authority;

/// Whether an answer leads elsewhere (RFC 9110, section 15.4).
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads (RFC 3986, section 5.2, without dots in paths, which no registry sends).
pub(crate) fn resolve(base: &Uri, to: &str) -> Option<Uri> {
    let scheme = base.scheme_str()?;
    let authority = base.authority()?;
    let to = to.split_once('#').map_or(to, |(before, _)| before);
    let absolute = if to.contains("://") {
        to.to_owned()
    } else if to.starts_with("//") {
        format!("{scheme}:{to}")
    } else if to.starts_with('/') {
        format!("{scheme}://{authority}{to}")
    } else {
        let (folder, _) = base.path().rsplit_once('/')?;
        format!("{scheme}://{authority}{folder}/{to}")
    };
    let url: Uri = absolute.parse().ok()?;
    let has_login = url.authority()?.as_str().contains('@');
    (Authority::of(&url).is_some() && !has_login).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(to: &str, expected: Option<&str>) {
        let base: Uri = "https://quay.io/v2/a/blobs/x?n=1".parse().unwrap();
        let resolved = resolve(&base, to).map(|url| url.to_string());
        assert_eq!(resolved.as_deref(), expected, "{to}");
    }

    #[test]
    fn a_redirect_leads_to_a_url_of_a_host() {
        check(
            "https://cdn.io/x?sig=a%2Fb",
            Some("https://cdn.io/x?sig=a%2Fb"),
        );
        check("//cdn.io/x", Some("https://cdn.io/x"));
        check("/x?y#z", Some("https://quay.io/x?y"));
        check("y", Some("https://quay.io/v2/a/blobs/y"));
        check("ftp://cdn.io/x", None);
        check("https://ann:secret@cdn.io/x", None);
        check("http://", None);
        check("https://a b", None);
    }
}
