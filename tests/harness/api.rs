//! The few exchanges of the distribution API that nearly every test needs, as methods of `Client`.
//!
//! They insist on the specification's answer; tests of an endpoint itself use the bare verbs.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::body::Body;
use crate::client::Client;
use crate::content::Noise;
use crate::digest::Digest;
use crate::response::Response;

impl Client {
    /// Begins an upload (end-4a) and returns its location.
    #[track_caller]
    pub fn start_upload(&self, repository: &str) -> String {
        self.post(format!("/v2/{repository}/blobs/uploads/"), Body::empty())
            .expect(202)
            .location()
    }

    /// Ends an upload (end-6) under this digest, with the rest of its bytes, and returns the answer.
    pub fn finish_upload(
        &self,
        location: &str,
        digest: &Digest,
        rest: impl Into<Body>,
    ) -> Response {
        self.put(with_query(location, &format!("digest={digest}")), rest)
    }

    /// Pushes a blob with POST and PUT and returns its sha256.
    #[track_caller]
    pub fn push_blob(&self, repository: &str, bytes: &Bytes) -> Digest {
        let digest = Digest::of(bytes);
        let location = self.start_upload(repository);
        self.finish_upload(&location, &digest, bytes).expect(201);
        digest
    }

    /// Pushes a large blob with POST and PUT, never holding it, and returns its sha256.
    #[track_caller]
    pub fn push_noise(&self, repository: &str, noise: &Noise) -> Digest {
        let digest = noise.digest();
        let location = self.start_upload(repository);
        self.finish_upload(&location, &digest, noise).expect(201);
        digest
    }

    /// Asks for a manifest, without `Accept`: whatever lies there is wanted.
    pub fn manifest(&self, repository: &str, reference: impl AsRef<str>) -> Response {
        self.get(format!("/v2/{repository}/manifests/{}", reference.as_ref()))
    }

    /// Asks for a blob.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Response {
        self.get(format!("/v2/{repository}/blobs/{digest}"))
    }

    /// All tags of a repository, page by page.
    #[track_caller]
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.names(&format!("/v2/{repository}/tags/list"), "tags")
    }

    /// All repositories that the client may see, page by page.
    #[track_caller]
    pub fn catalog(&self) -> Vec<String> {
        self.names("/v2/_catalog", "repositories")
    }

    /// The descriptors of all that refers to this digest, page by page.
    #[track_caller]
    pub fn referrers(&self, repository: &str, subject: &Digest) -> Vec<Value> {
        self.pages(
            &format!("/v2/{repository}/referrers/{subject}"),
            "manifests",
        )
    }

    /// A token from the token service for these scopes, with the client's credentials.
    #[track_caller]
    pub fn token(&self, scopes: &[&str]) -> String {
        let challenge = self.clone().anonymous().get("/v2/").expect(401);
        let challenge = challenge.must("www-authenticate");
        let service = challenge
            .split_once("service=\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        let (service, _) = service.expect("a Bearer challenge names its service");
        let query = scopes
            .iter()
            .fold(format!("service={service}"), |query, scope| {
                query + "&scope=" + scope
            });
        let answer = self.get(format!("/token?{query}")).expect(200);
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Sends a chunk (end-5) that begins at this offset.
    pub fn chunk(&self, location: &str, offset: usize, bytes: &Bytes) -> Response {
        let last = (offset + bytes.len())
            .checked_sub(1)
            .expect("a chunk has a last byte");
        self.request(Method::PATCH, location)
            .octets()
            .header("content-range", format!("{offset}-{last}"))
            .body(bytes)
            .send()
    }

    #[track_caller]
    fn names(&self, path: &str, member: &str) -> Vec<String> {
        let names = self.pages(path, member).into_iter();
        names
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect()
    }

    /// What a list holds under this member, all its pages together.
    #[track_caller]
    fn pages(&self, path: &str, member: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.get(path).expect(200);
            let entries = page.json()[member].as_array().expect("a list").clone();
            all.extend(entries);
            next = page.header("link").map(next_page);
        }
        all
    }
}

/// Adds a query to a location, which may have one.
pub fn with_query(location: &str, query: &str) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}{query}")
}

/// The path in `</v2/...>; rel="next"`.
fn next_page(link: &str) -> String {
    let path = link
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    path.unwrap_or_else(|| panic!("an unexpected Link: {link}"))
        .to_owned()
}
