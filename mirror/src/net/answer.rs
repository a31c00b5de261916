//! An answer of an upstream: its header, and its body as far as it comes.
//!
//! Invariant: a body is read in pieces or up to a limit, never on trust of its `Content-Length`.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use http::header::{CONTENT_ENCODING, HeaderName};
use http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::failure::Failure;

/// What is read of the body of a refusal or a redirect, in bytes.
const MAX_ASIDE: usize = 16 * 1024;
/// How long such a body is waited for: nobody needs it.
const SOON: Duration = Duration::from_secs(1);
/// How often the time for the next bytes may pass until a body that is read whole has to be there: what
/// drips is never idle and never ends.
const MAX_IDLES: u32 = 4;

/// An answer whose body has not been read.
#[derive(Debug)]
pub(crate) struct Answer {
    url: Uri,
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    idle: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Answer {
    pub(super) fn new(
        url: Uri,
        response: Response<Incoming>,
        idle: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            url,
            status: parts.status,
            headers: parts.headers,
            body,
            idle,
            _permit: permit,
        }
    }

    /// What was asked for.
    pub(crate) fn url(&self) -> &Uri {
        &self.url
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header that is text.
    pub(crate) fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the body will be, if that was said.
    pub(crate) fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next bytes of the body; `None` at its end.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Ok(frame) = timeout(self.idle, self.body.frame()).await else {
                return Err(Failure::Idle { within: self.idle });
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(Failure::Broken(error.into())),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data()
                        && !bytes.is_empty()
                    {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The body of an answer that is not what was asked for, if it comes soon and is not large. Read to
    /// its end, the connection is good for more.
    pub(crate) async fn aside(mut self) -> Option<Bytes> {
        let whole = timeout(SOON, self.collect(MAX_ASIDE)).await;
        whole.ok()?.ok()
    }

    /// The whole body, at most `limit` bytes of it, as it was before anybody compressed it: some proxies
    /// do that to manifests unasked.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Bytes, Failure> {
        let within = self.idle * MAX_IDLES;
        let whole = timeout(within, self.read(limit)).await;
        let whole = whole.unwrap_or(Err(Failure::Slow { within }))?;
        let is_compressed = self
            .text(CONTENT_ENCODING)
            .is_some_and(|encoding| matches!(encoding, "gzip" | "x-gzip"));
        if is_compressed {
            decompress(&whole, limit)
        } else {
            Ok(whole.freeze())
        }
    }

    async fn read(&mut self, limit: usize) -> Result<BytesMut, Failure> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if whole.len() + bytes.len() > limit {
                return Err(Failure::TooLarge { limit });
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }
}

fn decompress(compressed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    let most = limit as u64 + 1;
    let read = GzDecoder::new(compressed)
        .take(most)
        .read_to_end(&mut whole);
    read.map_err(Failure::Encoding)?;
    if whole.len() > limit {
        return Err(Failure::TooLarge { limit });
    }
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn compress(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_compressed_on_the_way_is_read_as_it_was() {
        let whole = decompress(&compress(b"{}"), 2).unwrap();
        assert_eq!(whole, "{}");
        assert!(matches!(decompress(b"{}", 2), Err(Failure::Encoding(_))));
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_limit() {
        let bomb = compress(&vec![0; 10 << 20]);
        assert!(bomb.len() < 100_000);
        let refused = decompress(&bomb, 4 << 20);
        assert!(matches!(
            refused,
            Err(Failure::TooLarge { limit: 4_194_304 })
        ));
    }
}
