//! Answers that are given at once: nothing is waited for, and there is nothing to say about them.
//!
//! Most requests ask for something that is in memory, with a login that was checked a moment ago. They go
//! no longer way than they must: no span is made that no line would use. Invariant: only what is granted
//! and at hand is answered here, and nothing in here logs or refuses. Whatever is in doubt goes the long
//! way, from its beginning.

use http::request::Parts as Head;
use http::{Response, StatusCode};
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::auth::Authenticator;
use crate::http::answer;
use crate::http::blobs;
use crate::http::body::Body;
use crate::http::manifests;
use crate::http::route::{Read, Route};
use crate::http::status;
use crate::registry::Registry;

/// Whether lines are wanted about all that happens. Then nothing is given at once: each line shall be
/// within its request.
pub(crate) fn is_watched() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// The answer to a request that can have it now.
pub(crate) fn answer(
    auth: &Authenticator,
    registry: &Registry,
    head: &Head,
    route: &Route,
) -> Option<Response<Body>> {
    match route {
        Route::Health => Some(status::health()),
        Route::Base => {
            let caller = auth.recognise(&head.headers)?;
            auth.ping(&caller).ok()?;
            Some(answer::json(StatusCode::OK, &json!({})))
        }
        // A query may name the registry that the client takes us for.
        Route::Read(repo, what @ (Read::Blob(_) | Read::Manifest(_)))
            if head.uri.query().is_none() =>
        {
            let repo = registry.canonical(repo);
            let caller = auth.recognise(&head.headers)?;
            let grant = auth.grant(&caller, &repo).ok()?;
            let Head {
                headers, method, ..
            } = head;
            match what {
                Read::Blob(digest) => blobs::at_hand(registry, &grant, *digest, method, headers),
                Read::Manifest(reference) => {
                    manifests::at_hand(registry, &grant, reference, method, headers)
                }
                Read::Referrers(..) | Read::Tags(_) => None,
            }
        }
        _ => None,
    }
}
