//! An answer before it is sent: status, headers and what the body is made of.

use bytes::Bytes;
use serde_json::{Value, json};

use super::content::Blob;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Blob,
    /// Where in `body` that begins and ends which is sent.
    pub(super) part: (u64, u64),
}

impl Reply {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Blob::Bytes(Bytes::new()),
            part: (0, 0),
        }
    }

    /// An answer in JSON.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::new(status)
            .header("content-type", "application/json")
            .body(Bytes::from(document.to_string()))
    }

    /// A refusal as the distribution specification has it.
    pub fn refusal(status: u16, code: &str) -> Self {
        let error = json!({ "code": code, "message": "said by a test" });
        Self::json(status, &json!({ "errors": [error] }))
    }

    /// Sets a header, or replaces it.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a header away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Blob>) -> Self {
        self.body = body.into();
        self.part = (0, self.body.len());
        self
    }

    /// How many bytes of a body are sent.
    pub(super) fn length(&self) -> u64 {
        self.part.1 - self.part.0
    }

    /// The body, piece by piece.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Bytes> + use<> {
        self.body.part(self.part.0, self.part.1)
    }

    /// The bytes from `from` up to and without `to`, as the answer to a request for a range.
    pub(super) fn partial(mut self, from: u64, to: u64) -> Self {
        let range = format!("bytes {from}-{}/{}", to - 1, self.body.len());
        self.status = 206;
        self.part = (from, to);
        self.header("content-range", range)
    }
}
