//! The body of a request: bytes at hand, or made while they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::content::Noise;

/// What a request carries.
pub struct Body {
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    /// What is left, where the length is announced; without it the body is sent chunked.
    left: Option<u64>,
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// A body of unknown length, sent with `Transfer-Encoding: chunked`.
    pub fn chunked(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self {
            chunks: Box::new(chunks),
            left: None,
        }
    }

    /// A body of this length, made while it is sent.
    pub fn sized(length: u64, chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self {
            chunks: Box::new(chunks),
            left: Some(length),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self::sized(
            length,
            Some(bytes).filter(|bytes| !bytes.is_empty()).into_iter(),
        )
    }
}

impl From<&Bytes> for Body {
    fn from(bytes: &Bytes) -> Self {
        bytes.clone().into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Body {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<&Noise> for Body {
    fn from(noise: &Noise) -> Self {
        Self::sized(noise.len(), noise.chunks())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.next();
        if let (Some(left), Some(chunk)) = (&mut self.left, &chunk) {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
