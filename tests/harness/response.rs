//! An answer of the registry, and the questions tests ask of it.
//!
//! Each question that is not answered as hoped shows the request and the whole answer.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::digest::Digest;

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Response {
    /// The request it answers, for messages.
    request: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, empty where there was none.
    pub body: Bytes,
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "insisting is a use in itself"
)]
impl Response {
    /// An answer without a body.
    pub(crate) fn new(request: String, status: StatusCode, headers: HeaderMap) -> Self {
        Self {
            request,
            status,
            headers,
            body: Bytes::new(),
        }
    }

    /// Insists on this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "unexpected status; {self}");
        self
    }

    /// Insists on this status and on this code in a body of the specification's form.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.error_code(), code, "unexpected error code; {answer}");
        answer
    }

    /// The first header of this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All headers of this name, as text.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect()
    }

    /// The header of this name, which must be there once.
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        let all = self.headers(name);
        assert_eq!(all.len(), 1, "not exactly one header `{name}`; {self}");
        all[0]
    }

    /// Where it leads, as a path with its query.
    #[track_caller]
    pub fn location(&self) -> String {
        self.must("location").to_owned()
    }

    /// The `Docker-Content-Digest` it carries.
    #[track_caller]
    pub fn digest(&self) -> Digest {
        Digest::verbatim(self.must("docker-content-digest"))
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("not text ({error}); {self}"))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}); {self}"))
    }

    /// The code of the first error in its body.
    #[track_caller]
    pub fn error_code(&self) -> String {
        let code = self.json()["errors"][0]["code"]
            .as_str()
            .map(ToOwned::to_owned);
        code.unwrap_or_else(|| panic!("no error code in the body; {self}"))
    }

    /// Insists that the header of this name says this.
    #[track_caller]
    pub fn has(self, name: &str, value: &str) -> Self {
        assert_eq!(
            self.header(name),
            Some(value),
            "unexpected header `{name}`; {self}"
        );
        self
    }

    /// Insists that there is no header of this name.
    #[track_caller]
    pub fn lacks(self, name: &str) -> Self {
        assert_eq!(
            self.header(name),
            None,
            "unexpected header `{name}`; {self}"
        );
        self
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 2000;
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(SHOWN)]);
        write!(f, "{} was answered {}", self.request, self.status)?;
        for (name, value) in &self.headers {
            write!(
                f,
                "\n  {name}: {}",
                String::from_utf8_lossy(value.as_bytes())
            )?;
        }
        write!(f, "\n  ({} bytes) {body}", self.body.len())
    }
}
