//! The grammar of paths and queries, row by row (distribution-spec, "Endpoints").

use http::Method;
use roadstead_storage::oci::{
    Algorithm, InvalidAlgorithm, InvalidDigest, InvalidName, InvalidTag, Tag,
};

use super::query::MAX_PAGE;
use super::refusal::MAX_TAGS;
use super::*;

const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ID: &str = "a81bc81b-dead-4e5d-abff-90865d1e13b1";

fn parse(method: &str, target: &str) -> Result<Route, Refusal> {
    let method: Method = method.parse().expect("a method");
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    Route::parse(&method, path, query)
}

#[track_caller]
fn routes(method: &str, target: &str, expected: &Route) {
    let target = target.replace("DIGEST", SHA256).replace("ID", ID);
    assert_eq!(
        parse(method, &target).as_ref(),
        Ok(expected),
        "{method} {target}"
    );
}

#[track_caller]
fn refuses(method: &str, target: &str, expected: &Refusal) {
    let target = target.replace("DIGEST", SHA256).replace("ID", ID);
    assert_eq!(
        parse(method, &target).as_ref(),
        Err(expected),
        "{method} {target}"
    );
}

fn name(text: &str) -> RepoName {
    text.parse().expect("a name")
}

fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

fn sha256() -> Digest {
    SHA256.parse().expect("a digest")
}

fn id() -> UploadId {
    ID.parse().expect("an id")
}

fn page(after: Option<&str>, limit: usize) -> Page {
    Page {
        after: after.map(str::to_owned),
        limit,
    }
}

#[test]
fn the_base_answers_with_and_without_its_slash() {
    routes("GET", "/v2/", &Route::Base);
    routes("GET", "/v2", &Route::Base);
    routes("HEAD", "/v2/", &Route::Base);
    refuses("POST", "/v2/", &Refusal::Method { allow: "GET, HEAD" });
}

#[test]
fn blobs_are_read_and_deleted_by_digest() {
    let blob = Route::Read(name("a/b"), Read::Blob(sha256()));
    routes("GET", "/v2/a/b/blobs/DIGEST", &blob);
    routes("HEAD", "/v2/a/b/blobs/DIGEST", &blob);
    let delete = Route::Remove(name("a"), Remove::Blob(sha256()));
    routes("DELETE", "/v2/a/blobs/DIGEST", &delete);
    let allow = "GET, HEAD, DELETE";
    refuses("PUT", "/v2/a/blobs/DIGEST", &Refusal::Method { allow });
}

#[test]
fn an_encoded_path_means_what_its_plain_form_means() {
    let blob = Route::Read(name("a/b"), Read::Blob(sha256()));
    let encoded = SHA256.replace(':', "%3A");
    routes("GET", &format!("/v2/a/b/blobs/{encoded}"), &blob);
    routes("GET", "/v2/a%2Fb/blobs/DIGEST", &blob);
    routes("GET", "/v2/a%2fb%2Fblobs%2FDIGEST", &blob);
    routes("GET", "/v2/%61/b/blobs/DIGEST", &blob);
    refuses(
        "GET",
        "/v2/a%252Fb/blobs/DIGEST",
        &Refusal::Name {
            source: InvalidName::Grammar,
        },
    );
    refuses("GET", "/v2/a%ff/blobs/DIGEST", &Refusal::Encoding);
}

#[test]
fn malformed_names_are_refused_wherever_the_slashes_are() {
    for path in [
        "/v2//a/blobs/DIGEST",
        "/v2/a//blobs/DIGEST",
        "/v2/a//b/tags/list",
        "/v2/A/manifests/x",
        "/v2/../manifests/x",
        "/v2/a/%2e%2e/b/manifests/x",
        "/v2/a%00/manifests/x",
        "/v2/a%0d%0ab/manifests/x",
        "/v2//manifests/x",
        "/v2/_a/manifests/x",
    ] {
        refuses(
            "GET",
            path,
            &Refusal::Name {
                source: InvalidName::Grammar,
            },
        );
    }
    let long = format!("/v2/{}/tags/list", "a".repeat(256));
    refuses(
        "GET",
        &long,
        &Refusal::Name {
            source: InvalidName::Length,
        },
    );
    refuses(
        "POST",
        "/v2//blobs/uploads/",
        &Refusal::Name {
            source: InvalidName::Grammar,
        },
    );
    refuses(
        "POST",
        "/v2/blobs/uploads/",
        &Refusal::Name {
            source: InvalidName::Grammar,
        },
    );
}

#[test]
fn malformed_digests_are_refused() {
    for (digest, source) in [
        ("nothing", InvalidDigest::Form),
        ("sha256:bad", InvalidDigest::Encoded),
        ("SHA256:bad", InvalidDigest::Algorithm),
        ("sha256:", InvalidDigest::Encoded),
        ("md5:00", InvalidDigest::Algorithm),
    ] {
        refuses(
            "GET",
            &format!("/v2/a/blobs/{digest}"),
            &Refusal::Digest { source },
        );
        refuses(
            "GET",
            &format!("/v2/a/referrers/{digest}"),
            &Refusal::Digest { source },
        );
        if digest.contains(':') {
            refuses(
                "PUT",
                &format!("/v2/a/manifests/{digest}"),
                &Refusal::Digest { source },
            );
            refuses(
                "GET",
                &format!("/v2/a/manifests/{digest}"),
                &Refusal::Digest { source },
            );
        }
    }
    // An encoded slash ends the digest's path component: what is left of it is another path.
    refuses("GET", "/v2/a/blobs/sha256:..%2f..", &Refusal::NotFound);
}

#[test]
fn the_words_of_the_protocol_may_stand_in_a_name() {
    let repo = name("a/blobs/uploads/manifests/tags");
    routes(
        "GET",
        "/v2/a/blobs/uploads/manifests/tags/manifests/v1",
        &Route::Read(repo.clone(), Read::Manifest(Reference::Tag(tag("v1")))),
    );
    routes(
        "GET",
        "/v2/a/blobs/uploads/manifests/tags/tags/list",
        &Route::Read(repo.clone(), Read::Tags(page(None, MAX_PAGE))),
    );
    routes(
        "POST",
        "/v2/a/blobs/uploads/manifests/tags/blobs/uploads/",
        &Route::Write(
            repo,
            Write::UploadStart(Start::Steps {
                algorithm: Algorithm::Sha256,
            }),
        ),
    );
    routes(
        "GET",
        "/v2/referrers/tags/list",
        &Route::Read(name("referrers"), Read::Tags(page(None, MAX_PAGE))),
    );
}

#[test]
fn manifests_are_named_by_tag_or_digest() {
    let by_tag = Reference::Tag(tag("V1.0_x"));
    let by_digest = Reference::Digest(sha256());
    for reference in [by_tag, by_digest] {
        let path = format!("/v2/a/manifests/{reference}");
        let repo = name("a");
        routes(
            "GET",
            &path,
            &Route::Read(repo.clone(), Read::Manifest(reference.clone())),
        );
        routes(
            "DELETE",
            &path,
            &Route::Remove(repo, Remove::Manifest(reference)),
        );
    }
    refuses("GET", "/v2/a/manifests/.x", &Refusal::TagUnknown);
    refuses("DELETE", "/v2/a/manifests/.x", &Refusal::TagUnknown);
    refuses(
        "PUT",
        "/v2/a/manifests/.x",
        &Refusal::Tag { source: InvalidTag },
    );
    refuses(
        "POST",
        "/v2/a/manifests/x",
        &Refusal::Method {
            allow: "GET, HEAD, PUT, DELETE",
        },
    );
}

#[test]
fn a_push_by_digest_takes_its_tags_from_the_query() {
    let put = |target| Route::Write(name("a"), Write::Manifest(target));
    routes(
        "PUT",
        "/v2/a/manifests/x?tag=y",
        &put(Target::Tag(tag("x"))),
    );
    routes(
        "PUT",
        "/v2/a/manifests/DIGEST",
        &put(Target::Digest {
            digest: sha256(),
            tags: vec![],
        }),
    );
    routes(
        "PUT",
        "/v2/a/manifests/DIGEST?tag=b&tag=a&x=1&tag=b",
        &put(Target::Digest {
            digest: sha256(),
            tags: vec![tag("b"), tag("a")],
        }),
    );
    refuses(
        "PUT",
        "/v2/a/manifests/DIGEST?tag=",
        &Refusal::Tag { source: InvalidTag },
    );
    refuses(
        "PUT",
        "/v2/a/manifests/DIGEST?tag=a%2Fb",
        &Refusal::Tag { source: InvalidTag },
    );
    let many: Vec<_> = (0..=MAX_TAGS).map(|n| format!("tag=t{n}")).collect();
    refuses(
        "PUT",
        &format!("/v2/a/manifests/DIGEST?{}", many.join("&")),
        &Refusal::Tags,
    );
}

#[test]
fn an_upload_begins_in_each_of_its_forms() {
    let start = |start| Route::Write(name("a/b"), Write::UploadStart(start));
    let steps = |algorithm| start(Start::Steps { algorithm });
    routes("POST", "/v2/a/b/blobs/uploads/", &steps(Algorithm::Sha256));
    routes("POST", "/v2/a/b/blobs/uploads", &steps(Algorithm::Sha256));
    routes(
        "POST",
        "/v2/a/b/blobs/uploads/?digest-algorithm=sha512&origin=x",
        &steps(Algorithm::Sha512),
    );
    let source = InvalidAlgorithm;
    refuses(
        "POST",
        "/v2/a/blobs/uploads/?digest-algorithm=md5",
        &Refusal::Algorithm { source },
    );
    let single = format!(
        "/v2/a/b/blobs/uploads/?digest={}",
        SHA256.replace(':', "%3A")
    );
    routes("POST", &single, &start(Start::Single { digest: sha256() }));
    routes(
        "POST",
        "/v2/a/b/blobs/uploads/?from=c%2Fd&mount=DIGEST&origin=x",
        &start(Start::Mount {
            digest: sha256(),
            from: Some(name("c/d")),
        }),
    );
    routes(
        "POST",
        "/v2/a/b/blobs/uploads/?mount=DIGEST",
        &start(Start::Mount {
            digest: sha256(),
            from: None,
        }),
    );
    let source = InvalidName::Grammar;
    refuses(
        "POST",
        "/v2/a/blobs/uploads/?mount=DIGEST&from=..",
        &Refusal::Name { source },
    );
    let source = InvalidDigest::Form;
    refuses(
        "POST",
        "/v2/a/blobs/uploads/?mount=..&from=b",
        &Refusal::Digest { source },
    );
    refuses(
        "GET",
        "/v2/a/blobs/uploads/",
        &Refusal::Method { allow: "POST" },
    );
    refuses(
        "GET",
        "/v2/a/blobs/uploads",
        &Refusal::Method { allow: "POST" },
    );
}

#[test]
fn an_upload_goes_on_under_its_location_whatever_the_query_says() {
    let repo = name("a");
    let path = "/v2/a/blobs/uploads/ID?digest=DIGEST&_state=x";
    routes(
        "GET",
        path,
        &Route::Write(repo.clone(), Write::UploadStatus(id())),
    );
    routes(
        "PATCH",
        path,
        &Route::Write(repo.clone(), Write::UploadAppend(id())),
    );
    routes(
        "DELETE",
        path,
        &Route::Write(repo.clone(), Write::UploadCancel(id())),
    );
    routes(
        "PUT",
        path,
        &Route::Write(repo, Write::UploadFinish(id(), sha256())),
    );
    refuses("PUT", "/v2/a/blobs/uploads/ID", &Refusal::DigestMissing);
    let source = InvalidDigest::Encoded;
    refuses(
        "PUT",
        "/v2/a/blobs/uploads/ID?digest=sha256:0",
        &Refusal::Digest { source },
    );
    refuses("PATCH", "/v2/a/blobs/uploads/..", &Refusal::Upload);
    refuses("PATCH", "/v2/a/uploads/ID", &Refusal::NotFound);
    let allow = "GET, HEAD, PATCH, PUT, DELETE";
    refuses("POST", "/v2/a/blobs/uploads/ID", &Refusal::Method { allow });
}

#[test]
fn a_page_is_bounded_and_says_where_it_goes_on() {
    let tags = |page| Route::Read(name("a"), Read::Tags(page));
    routes("GET", "/v2/a/tags/list", &tags(page(None, MAX_PAGE)));
    routes(
        "GET",
        "/v2/a/tags/list?last=x%2By",
        &tags(page(Some("x+y"), MAX_PAGE)),
    );
    routes("GET", "/v2/a/tags/list?n=0&last=", &tags(page(None, 0)));
    routes(
        "GET",
        "/v2/a/tags/list?n=99999999999999999999999",
        &tags(page(None, MAX_PAGE)),
    );
    routes(
        "GET",
        "/v2/_catalog?n=5&last=b",
        &Route::Catalog(page(Some("b"), 5)),
    );
    for n in ["-1", "x", "", "1.5", "+1"] {
        refuses("GET", &format!("/v2/a/tags/list?n={n}"), &Refusal::PageSize);
        refuses("GET", &format!("/v2/_catalog?n={n}"), &Refusal::PageSize);
    }
    refuses(
        "DELETE",
        "/v2/_catalog",
        &Refusal::Method { allow: "GET, HEAD" },
    );
}

#[test]
fn referrers_may_be_filtered_by_several_types() {
    let referrers = |types: &[&str], after| {
        let artifact_types = types.iter().map(|text| (*text).to_owned()).collect();
        let filter = Filter {
            artifact_types,
            after,
        };
        Route::Read(name("a"), Read::Referrers(sha256(), filter))
    };
    routes(
        "GET",
        "/v2/a/referrers/DIGEST?artifactType=a%2Fb%2Bc&artifactType=d&ns=x",
        &referrers(&["a/b+c", "d"], None),
    );
    routes("GET", "/v2/a/referrers/DIGEST", &referrers(&[], None));
    routes(
        "GET",
        "/v2/a/referrers/DIGEST?last=DIGEST",
        &referrers(&[], Some(sha256())),
    );
    let source = InvalidDigest::Form;
    refuses(
        "GET",
        "/v2/a/referrers/DIGEST?last=x",
        &Refusal::Digest { source },
    );
}

#[test]
fn what_stands_outside_the_api_is_read_only_except_for_tokens() {
    routes("GET", "/healthz", &Route::Health);
    routes("GET", "/readyz", &Route::Ready);
    routes("GET", "/metrics", &Route::Metrics);
    routes("HEAD", "/ca.crt", &Route::CaCertificate);
    routes("GET", "/token?service=x", &Route::TokenGet);
    routes("POST", "/token", &Route::TokenPost);
    refuses(
        "DELETE",
        "/token",
        &Refusal::Method {
            allow: "GET, HEAD, POST",
        },
    );
    refuses("POST", "/healthz", &Refusal::Method { allow: "GET, HEAD" });
}

#[test]
fn a_preflight_is_answered_wherever_it_goes() {
    routes("OPTIONS", "/v2/", &Route::Preflight);
    routes("OPTIONS", "*", &Route::Preflight);
    routes("OPTIONS", "/v2/a/manifests/..", &Route::Preflight);
}

#[test]
fn other_paths_are_not_served() {
    for path in [
        "/",
        "",
        "/v1/_ping",
        "//v2/",
        "/V2/",
        "/v2/x",
        "/v2/a/b",
        "/v2/a/tags",
        "/v2/a/tags/x",
        "/v2/_oci/ext/discover",
        "/v2/a/_oci/ext/discover",
        "/v2/a/tags/list/",
        "/token/",
    ] {
        refuses("GET", path, &Refusal::NotFound);
    }
}
