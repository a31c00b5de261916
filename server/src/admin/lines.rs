//! Lines of JSON, some with raw bytes behind them, as they come in the body of a message.
//!
//! Owns cutting a stream of pieces into lines and bytes. Knows nothing of what they mean. Invariant: no
//! more is held at once than the longest line that whoever reads allows.

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use thiserror::Error;

/// What comes in a body.
pub(super) struct Lines<B> {
    body: B,
    /// What has come and was not asked for yet.
    held: BytesMut,
    /// How much of that has no end of a line in it.
    searched: usize,
    /// Bytes of the longest line.
    longest: usize,
}

/// Why nothing more can be read.
#[derive(Debug, Error)]
pub(super) enum Error<E> {
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] E),
    /// It ended in the middle of something.
    #[error("it broke off")]
    Cut,
    /// A line has no end.
    #[error("a line has more than {longest} bytes")]
    TooLong {
        /// How many it may have.
        longest: usize,
    },
}

impl<B: Body<Data = Bytes> + Unpin> Lines<B> {
    /// What comes in `body`, whose lines have no more than so many bytes.
    pub(super) fn new(body: B, longest: usize) -> Self {
        Self {
            body,
            held: BytesMut::new(),
            searched: 0,
            longest,
        }
    }

    /// The next line, without its end, or what stands where no line ends; nothing at the end.
    ///
    /// # Errors
    /// When the connection breaks, or the line is too long.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    pub(super) async fn line(&mut self) -> Result<Option<Bytes>, Error<B::Error>> {
        loop {
            let end = self.held[self.searched..]
                .iter()
                .position(|it| *it == b'\n');
            if let Some(end) = end {
                let line = self.held.split_to(self.searched + end);
                self.held.advance(1);
                self.searched = 0;
                return Ok(Some(line.freeze()));
            }
            self.searched = self.held.len();
            if self.searched > self.longest {
                let longest = self.longest;
                return Err(Error::TooLong { longest });
            }
            if !self.more().await? {
                self.searched = 0;
                let rest = self.held.split().freeze();
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    /// So many bytes as they are.
    ///
    /// # Errors
    /// When the connection breaks, or ends before.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    pub(super) async fn raw(&mut self, length: usize) -> Result<Bytes, Error<B::Error>> {
        self.searched = 0;
        while self.held.len() < length {
            self.held.reserve(length - self.held.len());
            if !self.more().await? {
                return Err(Error::Cut);
            }
        }
        Ok(self.held.split_to(length).freeze())
    }

    /// Waits for more. Whether there is any.
    async fn more(&mut self) -> Result<bool, Error<B::Error>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(Error::Broken)?.into_data() {
                self.held.extend_from_slice(&data);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    fn pieces(
        pieces: &'static [&'static str],
    ) -> Lines<impl Body<Data = Bytes, Error = Infallible> + Unpin> {
        let frames = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from(*piece))));
        Lines::new(StreamBody::new(stream::iter(frames)), 16)
    }

    #[tokio::test]
    async fn lines_and_bytes_are_cut_wherever_the_pieces_end() {
        for cut in [
            &["one\n\nab\ntwo"][..],
            &["o", "ne", "\n", "\na", "b\nt", "wo"],
            &["one\n", "\n", "ab\n", "two"],
        ] {
            let mut lines = pieces(cut);
            assert_eq!(lines.line().await.unwrap().unwrap(), "one");
            assert_eq!(lines.line().await.unwrap().unwrap(), "");
            assert_eq!(lines.raw(3).await.unwrap(), "ab\n");
            assert_eq!(lines.line().await.unwrap().unwrap(), "two");
            assert_eq!(lines.line().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_breaks_off_or_has_no_end_is_an_error() {
        assert!(matches!(pieces(&["abc"]).raw(4).await, Err(Error::Cut)));
        let mut endless = pieces(&["0123456789", "0123456789", "0123456789"]);
        assert!(matches!(
            endless.line().await,
            Err(Error::TooLong { longest: 16 })
        ));
    }
}
