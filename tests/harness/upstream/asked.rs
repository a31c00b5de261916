//! What was asked: each request as it came, and what was sent for it.

use std::sync::Mutex;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::wire::Request;

/// A request that an upstream or a proxy got.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many came before it.
    pub number: usize,
    /// On which connection, counted from zero.
    pub connection: usize,
    /// When.
    pub at: Instant,
    /// Its method.
    pub method: Method,
    /// Its path and query; of a proxy, the URL or the host.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// How many bytes of a body have been given to the network for it so far.
    pub sent: u64,
}

/// What of the distribution API a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A blob: repository and digest.
    Blob(&'a str, &'a str),
    /// The list of repositories.
    Catalog,
    /// A manifest: repository, and tag or digest.
    Manifest(&'a str, &'a str),
    /// None of it.
    Other,
    /// Whether the API is there.
    Ping,
    /// What refers to a manifest: repository and digest.
    Referrers(&'a str, &'a str),
    /// The tags of a repository.
    Tags(&'a str),
    /// A token.
    Token,
}

impl Asked {
    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(&*self.target, |(path, _)| path)
    }

    /// The first value of this name in the query.
    pub fn query(&self, name: &str) -> Option<String> {
        self.fields(name).next()
    }

    /// A header, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What it is about.
    pub fn subject(&self) -> Subject<'_> {
        if self.path() == "/token" {
            return Subject::Token;
        }
        match self.path().split_once("/v2/") {
            Some((_, rest)) => of_api(rest),
            None => Subject::Other,
        }
    }

    /// Whether it is about what belongs to a manifest: referrers, and tags made from its digest.
    pub fn is_along(&self) -> bool {
        match self.subject() {
            Subject::Referrers(..) => true,
            Subject::Manifest(_, reference) => reference.starts_with("sha256-"),
            _ => false,
        }
    }

    /// All values of this name in the query, or in a form.
    pub(super) fn fields(&self, name: &str) -> impl Iterator<Item = String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let query = form_urlencoded::parse(query.as_bytes());
        let fields = query.chain(form_urlencoded::parse(&self.body));
        fields.filter_map(move |(key, value)| (key == name).then(|| value.into_owned()))
    }
}

fn of_api(path: &str) -> Subject<'_> {
    if path.is_empty() {
        return Subject::Ping;
    }
    if path == "_catalog" {
        return Subject::Catalog;
    }
    if let Some(repository) = path.strip_suffix("/tags/list") {
        return Subject::Tags(repository);
    }
    if let Some((repository, reference)) = path.rsplit_once("/manifests/") {
        return Subject::Manifest(repository, reference);
    }
    if let Some((repository, digest)) = path.rsplit_once("/blobs/") {
        return Subject::Blob(repository, digest);
    }
    match path.rsplit_once("/referrers/") {
        Some((repository, digest)) => Subject::Referrers(repository, digest),
        None => Subject::Other,
    }
}

/// All that was asked so far.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<Asked>>);

impl Log {
    /// Notes a request.
    pub(super) fn note(&self, request: Request, connection: usize) -> Asked {
        let mut all = self.0.lock().expect("nobody panics with it");
        let asked = Asked {
            number: all.len(),
            connection,
            at: Instant::now(),
            method: request.method,
            target: request.target,
            headers: request.headers,
            body: request.body,
            sent: 0,
        };
        all.push(asked.clone());
        asked
    }

    /// Notes that so many more bytes are sent for it.
    pub(super) fn sent(&self, asked: &Asked, bytes: usize) {
        let mut all = self.0.lock().expect("nobody panics with it");
        all[asked.number].sent += bytes as u64;
    }

    pub(super) fn all(&self) -> Vec<Asked> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}
