//! What must hold of a path and a query, whatever stands in them: see `crate::fuzzing`.

use http::Method;
use percent_encoding::percent_decode_str;
use roadstead_storage::oci::{Algorithm, Digest};

use crate::http::header::encoded;
use crate::http::route::{Page, Read, Remove, Route, Start, Target, Write};

const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::POST,
    Method::PATCH,
    Method::DELETE,
];

/// A path and a query, asked for with every method.
pub(crate) fn path(text: &str) {
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    for method in &METHODS {
        understood(method, path, query);
    }
}

/// A query behind each path that has one.
pub(crate) fn query(text: &str) {
    let digest = Digest::of(Algorithm::Sha256, b"");
    let upload = "/v2/a/blobs/uploads/a81bc81b-dead-4e5d-abff-90865d1e13b1";
    for (method, path) in [
        (Method::GET, "/v2/_catalog"),
        (Method::GET, "/v2/a/tags/list"),
        (Method::GET, &format!("/v2/a/referrers/{digest}")),
        (Method::POST, "/v2/a/blobs/uploads/"),
        (Method::PUT, &format!("/v2/a/manifests/{digest}")),
        (Method::PUT, upload),
    ] {
        understood(&method, path, Some(text));
    }
}

/// However a path is spelt it is judged alike, and what was understood asks for the same when it is
/// written down.
fn understood(method: &Method, path: &str, query: Option<&str>) {
    let route = Route::parse(method, path, query);
    if let Ok(decoded) = percent_decode_str(path).decode_utf8() {
        let spelt = encoded(&decoded).to_string();
        assert_eq!(Route::parse(method, &spelt, query), route, "{spelt}");
    }
    let Ok(route) = route else { return };
    assert!(entries(&route) <= 1000, "{route:?}");
    if let Some((path, pairs)) = written(&route) {
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let again = Route::parse(method, &path, Some(&query));
        assert_eq!(again.as_ref(), Ok(&route), "{path}?{query}");
    }
}

/// How many things the request makes us gather.
fn entries(route: &Route) -> usize {
    match route {
        Route::Catalog(page) | Route::Read(_, Read::Tags(page)) => page.limit,
        Route::Write(_, Write::Manifest(Target::Digest { tags, .. })) => tags.len(),
        _ => 0,
    }
}

/// The names and values of a query.
type Pairs = Vec<(&'static str, String)>;

/// A path and a query that ask for the same, where they hold anything of the request.
fn written(route: &Route) -> Option<(String, Pairs)> {
    if let Route::Catalog(asked) = route {
        return Some(("/v2/_catalog".to_owned(), page(asked)));
    }
    let nothing = Pairs::new();
    let (rest, pairs) = match route {
        Route::Read(_, Read::Blob(digest)) | Route::Remove(_, Remove::Blob(digest)) => {
            (format!("blobs/{digest}"), nothing)
        }
        Route::Read(_, Read::Manifest(reference))
        | Route::Remove(_, Remove::Manifest(reference)) => {
            (format!("manifests/{reference}"), nothing)
        }
        Route::Read(_, Read::Referrers(digest, filter)) => {
            let types = filter.artifact_types.iter();
            let types = types.map(|text| ("artifactType", text.clone()));
            let last = filter.after.map(|last| ("last", last.to_string()));
            (format!("referrers/{digest}"), types.chain(last).collect())
        }
        Route::Read(_, Read::Tags(asked)) => ("tags/list".to_owned(), page(asked)),
        Route::Write(_, Write::Manifest(Target::Tag(tag))) => (format!("manifests/{tag}"), nothing),
        Route::Write(_, Write::Manifest(Target::Digest { digest, tags })) => {
            let tags = tags.iter().map(|tag| ("tag", tag.to_string()));
            (format!("manifests/{digest}"), tags.collect())
        }
        Route::Write(_, Write::UploadStart(start)) => ("blobs/uploads/".to_owned(), begun(start)),
        Route::Write(_, Write::UploadFinish(id, digest)) => {
            let pairs = vec![("digest", digest.to_string())];
            (format!("blobs/uploads/{id}"), pairs)
        }
        Route::Write(
            _,
            Write::UploadAppend(id) | Write::UploadCancel(id) | Write::UploadStatus(id),
        ) => (format!("blobs/uploads/{id}"), nothing),
        _ => return None,
    };
    Some((format!("/v2/{}/{rest}", route.repo()?), pairs))
}

fn page(page: &Page) -> Pairs {
    let last = page.after.iter().map(|last| ("last", last.clone()));
    last.chain([("n", page.limit.to_string())]).collect()
}

fn begun(start: &Start) -> Pairs {
    match start {
        Start::Mount { digest, from } => {
            let from = from.iter().map(|from| ("from", from.to_string()));
            from.chain([("mount", digest.to_string())]).collect()
        }
        Start::Single { digest } => vec![("digest", digest.to_string())],
        Start::Steps { algorithm } => vec![("digest-algorithm", algorithm.to_string())],
    }
}
