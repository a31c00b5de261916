//! An HTTP client that does what it is told: no redirects, no retries, no cookies, no decoding.
//!
//! A `Client` is only knowledge (address, trust, credentials); each request opens a connection of
//! its own, so that clones may be used from many threads and nothing lingers after a test.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HOST, HeaderName};
use http::{HeaderMap, Method};

use crate::body::Body;
use crate::connection::Connection;
use crate::digest::{Digest, Hasher};
use crate::response::Response;
use crate::transport::{Endpoint, trusting};

/// Where a registry is, whom to trust there and who to be.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    authorization: Option<String>,
}

impl Client {
    /// A client of the plain listener at this address.
    pub fn plain(address: SocketAddr) -> Self {
        let authority = address.to_string();
        Self {
            endpoint: Endpoint {
                address,
                authority,
                tls: None,
                http2: false,
            },
            authorization: None,
        }
    }

    /// A client of the TLS listener at this address, trusting only the certificates of this PEM.
    pub fn tls(address: SocketAddr, trust: &[u8]) -> Self {
        let mut client = Self::plain(address);
        client.endpoint.tls = Some(Arc::new(trusting(trust)));
        client
    }

    /// The same, calling the registry by this name (`host:port`), in `Host` and in TLS.
    #[must_use]
    pub fn named(mut self, authority: impl Into<String>) -> Self {
        self.endpoint.authority = authority.into();
        self
    }

    /// The same over HTTP/2, which only the TLS listener speaks.
    #[must_use]
    pub fn http2(mut self) -> Self {
        let tls = self
            .endpoint
            .tls
            .as_deref()
            .expect("HTTP/2 is chosen within TLS");
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        self.endpoint.tls = Some(Arc::new(tls));
        self.endpoint.http2 = true;
        self
    }

    /// The same, as this user with `Authorization: Basic`.
    #[must_use]
    pub fn basic(self, name: &str, password: &str) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{name}:{password}"));
        self.authorization(format!("Basic {pair}"))
    }

    /// The same with this token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.authorization(format!("Bearer {token}"))
    }

    /// The same with this `Authorization` header, right or wrong.
    #[must_use]
    pub fn authorization(mut self, value: impl Into<String>) -> Self {
        self.authorization = Some(value.into());
        self
    }

    /// The same without credentials.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.authorization = None;
        self
    }

    /// The name and port it calls the registry by.
    pub fn authority(&self) -> &str {
        &self.endpoint.authority
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Begins a request. The path is sent as it stands; what `http::Uri` cannot hold goes through
    /// [`Client::connect`].
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request {
            client: self,
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Body::empty(),
        }
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: impl Into<String>) -> Response {
        self.request(Method::GET, path).send()
    }

    /// HEAD.
    #[track_caller]
    pub fn head(&self, path: impl Into<String>) -> Response {
        self.request(Method::HEAD, path).send()
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, path: impl Into<String>) -> Response {
        self.request(Method::DELETE, path).send()
    }

    /// POST without a `Content-Type`.
    #[track_caller]
    pub fn post(&self, path: impl Into<String>, body: impl Into<Body>) -> Response {
        self.request(Method::POST, path).body(body).send()
    }

    /// PATCH with the `Content-Type` of blobs.
    #[track_caller]
    pub fn patch(&self, path: impl Into<String>, body: impl Into<Body>) -> Response {
        self.request(Method::PATCH, path).octets().body(body).send()
    }

    /// PUT with the `Content-Type` of blobs.
    #[track_caller]
    pub fn put(&self, path: impl Into<String>, body: impl Into<Body>) -> Response {
        self.request(Method::PUT, path).octets().body(body).send()
    }

    /// Opens a connection (with TLS where the client has it) to say anything on.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        let Endpoint { address, tls, .. } = self.endpoint.clone();
        Connection::open(address, tls, self.endpoint.server_name())
    }

    /// Says these bytes on a connection of its own and returns all that comes until it is closed.
    #[track_caller]
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut connection = self.connect();
        connection.send(bytes);
        connection.rest()
    }

    /// `Host: ...\r\n` and, with credentials, `Authorization: ...\r\n`: for raw requests.
    pub fn raw_headers(&self) -> String {
        let host = format!("Host: {}\r\n", self.authority());
        self.authorization.iter().fold(host, |lines, value| {
            format!("{lines}Authorization: {value}\r\n")
        })
    }
}

/// What came of a download that was not kept.
#[derive(Clone, Debug)]
pub struct Download {
    /// The answer, its body left out.
    pub response: Response,
    /// How many bytes came.
    pub length: u64,
    /// Their sha256.
    pub digest: Digest,
}

/// A request about to be sent.
pub struct Request<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Request<'_> {
    /// Adds a header line; a second one of the same name does not replace the first.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        let value = value.as_ref().parse().expect("a header value");
        self.headers.append(name, value);
        self
    }

    /// Adds the `Content-Type` of blobs.
    #[must_use]
    pub fn octets(self) -> Self {
        self.header("content-type", "application/octet-stream")
    }

    /// Adds the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and waits for the whole answer.
    #[track_caller]
    pub fn send(self) -> Response {
        let mut all = Vec::new();
        let mut response = self.exchange(&mut |chunk| all.extend_from_slice(chunk));
        response.body = all.into();
        response
    }

    /// Sends it and hashes the body of the answer as it comes.
    #[track_caller]
    pub fn download(self) -> Download {
        let mut length = 0;
        let mut hasher = Hasher::sha256();
        let response = self.exchange(&mut |chunk| {
            length += chunk.len() as u64;
            hasher.update(chunk);
        });
        Download {
            response,
            length,
            digest: hasher.finish(),
        }
    }

    fn exchange(self, sink: &mut dyn FnMut(&[u8])) -> Response {
        let story = self.story();
        let endpoint = &self.client.endpoint;
        let head = endpoint.exchange(self.assemble(), sink);
        Response::new(story, head.status, head.headers)
    }

    /// What it is about, for messages.
    pub(crate) fn story(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn assemble(self) -> http::Request<Body> {
        let Endpoint {
            authority, http2, ..
        } = &self.client.endpoint;
        let target = if *http2 {
            format!("https://{authority}{}", self.path)
        } else {
            self.path
        };
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = target.parse().expect("a target that http::Uri can hold");
        *request.headers_mut() = self.headers;
        let headers = request.headers_mut();
        if !http2 {
            headers
                .entry(HOST)
                .or_insert(authority.parse().expect("a host header"));
        }
        if let Some(value) = &self.client.authorization {
            headers
                .entry(AUTHORIZATION)
                .or_insert(value.parse().expect("an authorization header"));
        }
        request
    }
}
