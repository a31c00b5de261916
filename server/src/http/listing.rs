//! Lists: tags, repositories, referrers (end-8, end-12, `_catalog`).
//!
//! Owns pages and their `Link`. An empty list is `[]` and never `null`; a page is followed by a link
//! exactly when something comes after it.

use http::header::{LINK, WARNING};
use http::{HeaderValue, Response, StatusCode};
use roadstead_storage::oci::{Descriptor, Digest};
use serde::Serialize;
use serde_json::json;

use crate::auth::grant::{Grant, Listing, Pull};
use crate::http::answer;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::header::{OCI_FILTERS_APPLIED, encoded, next_page, value, warning};
use crate::http::route::{Filter, Page};
use crate::registry::Registry;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Clients read no more of an index; what does not fit goes to the next page, which few of them ask
/// for.
const MAX_REFERRERS_BYTES: usize = 4 * 1024 * 1024 - 1024;

/// The tags of a repository.
///
/// # Errors
/// When the repository is unknown, or the disk fails.
pub(crate) async fn tags(
    registry: &Registry,
    grant: &Grant<Pull>,
    page: &Page,
) -> Result<Response<Body>, Error> {
    let listed = registry
        .tags(grant, page.after.as_deref(), page.limit)
        .await?;
    let repo = grant.repo();
    let mut response = answer::json(
        StatusCode::OK,
        &json!({ "name": repo, "tags": listed.entries }),
    );
    if let Some(last) = listed.entries.last().filter(|_| listed.more) {
        let link = next_page(&format!("/v2/{repo}/tags/list"), last.as_str(), page.limit);
        response.headers_mut().insert(LINK, link);
    }
    if let Some(stale) = &listed.stale {
        response.headers_mut().insert(WARNING, warning(stale));
    }
    Ok(response)
}

/// The repositories that the caller may know of.
///
/// # Errors
/// While the index is being rebuilt.
pub(crate) async fn catalog(
    registry: &Registry,
    listing: &Listing,
    page: &Page,
) -> Result<Response<Body>, Error> {
    let listed = registry
        .catalog(listing, page.after.as_deref(), page.limit)
        .await?;
    let mut response = answer::json(StatusCode::OK, &json!({ "repositories": listed.entries }));
    if let Some(last) = listed.entries.last().filter(|_| listed.more) {
        let link = next_page("/v2/_catalog", last.as_str(), page.limit);
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// An index as referrers are listed in (image-spec, image-index.md).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrers<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<&'a Descriptor>,
}

/// The manifests that name `subject`; an empty list for whatever is unknown, for 404 would tell
/// clients that the API is.
///
/// # Errors
/// When the disk fails.
pub(crate) async fn referrers(
    registry: &Registry,
    grant: &Grant<Pull>,
    subject: Digest,
    filter: &Filter,
) -> Result<Response<Body>, Error> {
    let listed = registry.referrers(grant, subject).await?;
    let asked = listed
        .entries
        .iter()
        .filter(|one| is_asked_for(one, filter));
    let (manifests, more_after) = first_page(asked);
    let index = Referrers {
        schema_version: 2,
        media_type: INDEX,
        manifests,
    };
    let mut response = answer::json(StatusCode::OK, &index);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(INDEX));
    if let Some(stale) = &listed.stale {
        headers.insert(WARNING, warning(stale));
    }
    if !filter.artifact_types.is_empty() {
        headers.insert(
            OCI_FILTERS_APPLIED,
            HeaderValue::from_static("artifactType"),
        );
    }
    if let Some(last) = more_after {
        let mut query = format!("last={last}");
        for artifact_type in &filter.artifact_types {
            query.extend(["&artifactType=", &encoded(artifact_type).to_string()]);
        }
        let path = format!("/v2/{}/referrers/{subject}", grant.repo());
        headers.insert(LINK, value(format!("<{path}?{query}>; rel=\"next\"")));
    }
    Ok(response)
}

fn is_asked_for(one: &Descriptor, filter: &Filter) -> bool {
    let types = &filter.artifact_types;
    let of_type = types.is_empty()
        || one
            .artifact_type
            .as_ref()
            .is_some_and(|artifact_type| types.contains(artifact_type));
    of_type && filter.after.is_none_or(|after| one.digest > after)
}

/// As many as one answer holds, and the last of them if there are more.
fn first_page<'a>(
    asked: impl Iterator<Item = &'a Descriptor>,
) -> (Vec<&'a Descriptor>, Option<Digest>) {
    let mut page: Vec<&Descriptor> = Vec::new();
    let mut bytes = 0;
    for one in asked {
        bytes += serde_json::to_vec(one)
            .expect("a descriptor is plain data")
            .len()
            + 1;
        if bytes > MAX_REFERRERS_BYTES
            && let Some(last) = page.last()
        {
            let last = last.digest;
            return (page, Some(last));
        }
        page.push(one);
    }
    (page, None)
}

#[cfg(test)]
mod tests {
    use roadstead_storage::oci::Algorithm;

    use super::*;

    fn descriptor(number: usize, note: &str) -> Descriptor {
        let document = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(Algorithm::Sha256, &number.to_le_bytes()),
            "size": 7,
            "artifactType": "text/x",
            "annotations": { "note": note },
        });
        serde_json::from_value(document).expect("a descriptor")
    }

    #[test]
    fn referrers_beyond_what_clients_read_go_to_further_pages_without_loss() {
        let note = "x".repeat(1024 * 1024);
        let mut all: Vec<_> = (0..9).map(|number| descriptor(number, &note)).collect();
        all.sort_by_key(|one| one.digest);
        let mut filter = Filter::default();
        let mut pages = Vec::new();
        loop {
            let (page, more_after) =
                first_page(all.iter().filter(|one| is_asked_for(one, &filter)));
            pages.push(page.len());
            filter.after = more_after;
            if more_after.is_none() {
                break;
            }
        }
        assert_eq!(pages, [3, 3, 3]);
    }

    #[test]
    fn a_filter_takes_any_of_its_types() {
        let one = descriptor(1, "");
        let asks = |types: &[&str]| {
            let artifact_types = types.iter().map(|text| (*text).to_owned()).collect();
            is_asked_for(
                &one,
                &Filter {
                    artifact_types,
                    after: None,
                },
            )
        };
        assert!(asks(&[]));
        assert!(asks(&["text/y", "text/x"]));
        assert!(!asks(&["text/y"]));
    }
}
