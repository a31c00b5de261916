//! The body of a request, as it arrives.
//!
//! Owns its patience: no clock runs on a whole body, one runs on each wait for the next bytes. What
//! a handler leaves unread is read on and thrown away within bounds, for a client that sees its
//! connection reset in the middle of sending never reads the answer. It knows nothing of what the
//! bytes mean. Memory: one batch of the size asked for, and what came along with its last piece.

use std::error::Error as StdError;
use std::mem;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use roadstead_storage::Batch;
use thiserror::Error;
use tokio::time::timeout;

/// How long a client may be silent in the middle of a body.
const IDLE: Duration = Duration::from_mins(1);
/// What is read of a body nobody wants, at most: a client that sends more of it gets a reset.
const DISCARD_BYTES: u64 = 512 * 1024 * 1024;
/// How long a body nobody wants is read, at most.
const DISCARD_TIME: Duration = Duration::from_secs(30);
/// A piece shorter than this is copied rather than handed on.
const SMALL: usize = 16 * 1024;

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Payload<B = Incoming> {
    body: B,
    /// The client waits for our word before it sends (`Expect: 100-continue`).
    awaits_word: bool,
    received: u64,
    /// What arrived with the last batch and did not fit into it.
    rest: Bytes,
    ended: bool,
    /// What broke, after the bytes before it were handed out.
    broken: Option<PayloadError>,
}

/// A body did not arrive.
#[derive(Debug, Error)]
pub(crate) enum PayloadError {
    /// The client, or something on the way, gave up.
    #[error("the body broke off")]
    Broken {
        /// What hyper saw.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The client fell silent, or trickles.
    #[error("the client took longer than {} seconds to send", IDLE.as_secs())]
    Idle,
    /// There is more of it than may be kept.
    #[error("the body has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl<B> Payload<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Wraps a body of which nothing was read.
    pub(crate) fn new(body: B, awaits_word: bool) -> Self {
        let ended = body.is_end_stream();
        Self {
            body,
            awaits_word,
            received: 0,
            rest: Bytes::new(),
            ended,
            broken: None,
        }
    }

    /// How many bytes have arrived so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes the client announced, of which none has been read.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next bytes: `size` of them in the pieces in which they came, less only at the end. `None`
    /// when all is read.
    ///
    /// Large pieces are handed on as they are; small ones are copied together, for each may keep a much
    /// larger buffer alive. Bytes that arrived before a failure are handed out first; the failure comes
    /// with the next call.
    ///
    /// # Errors
    /// When the body breaks off or the client falls silent.
    ///
    /// # Cancel safety
    /// Bytes gathered for the batch are lost: give the body up then.
    pub(crate) async fn batch(&mut self, size: usize) -> Result<Option<Batch>, PayloadError> {
        let mut batch = Batch::default();
        let mut small = BytesMut::new();
        let mut left = size;
        while left > 0 {
            let mut piece = match self.frame().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) if left == size => return Err(error),
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            };
            if piece.len() > left {
                self.rest = piece.split_off(left);
            }
            left -= piece.len();
            if piece.len() < SMALL {
                small.extend_from_slice(&piece);
            } else {
                batch.push(small.split().freeze());
                batch.push(piece);
            }
        }
        batch.push(small.freeze());
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }

    /// All of it, if it was announced to have at most `limit` bytes and comes. Else all that came of it, and
    /// what went wrong, is still to be had.
    ///
    /// # Cancel safety
    /// What was read is lost: give the body up then.
    pub(crate) async fn whole(&mut self, limit: usize) -> Option<Batch> {
        let announced = usize::try_from(self.announced()?).ok()?;
        if announced > limit {
            return None;
        }
        // One more than there is, so that its end is seen, too.
        match self.batch(announced + 1).await {
            Ok(batch) => {
                let batch = batch.unwrap_or_default();
                if batch.len() == announced {
                    return Some(batch);
                }
                self.rest = batch.pieces().concat().into();
            }
            Err(error) => self.broken = Some(error),
        }
        None
    }

    /// All of it, if it has at most `limit` bytes. Stops reading as soon as it has more.
    ///
    /// What is wanted as a whole is small, so here a clock runs on all of it: a body that trickles
    /// in must not hold for ever what was set aside for it.
    ///
    /// # Errors
    /// When it is larger, breaks off, or the client falls silent.
    ///
    /// # Cancel safety
    /// What was read is lost: give the body up then.
    pub(crate) async fn all(&mut self, limit: usize) -> Result<Bytes, PayloadError> {
        let announced = self.announced().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(PayloadError::TooLarge { limit });
        }
        let gathered = timeout(IDLE, self.gather(announced, limit)).await;
        gathered.unwrap_or(Err(PayloadError::Idle))
    }

    async fn gather(&mut self, announced: usize, limit: usize) -> Result<Bytes, PayloadError> {
        let mut all = BytesMut::with_capacity(announced);
        while let Some(frame) = self.frame().await? {
            if all.len() + frame.len() > limit {
                return Err(PayloadError::TooLarge { limit });
            }
            all.extend_from_slice(&frame);
        }
        Ok(all.freeze())
    }

    /// Whether there is a rest worth reading before the connection can go on.
    ///
    /// A client that was never told to go on has sent nothing; asking for it now would make it.
    pub(crate) fn wants_discarding(&self) -> bool {
        let untouched = self.received == 0 && self.awaits_word;
        !self.ended && self.broken.is_none() && !untouched
    }

    /// Reads the rest and throws it away, as much of it as is reasonable.
    ///
    /// # Cancel safety
    /// Safe; the connection is then closed with the rest unread.
    pub(crate) async fn discard(mut self) {
        let rest = async {
            let until = self.received.saturating_add(DISCARD_BYTES);
            while self.received < until && matches!(self.frame().await, Ok(Some(_))) {}
        };
        // What does not fit into the time is cut off: nobody waits for the outcome.
        let _ = timeout(DISCARD_TIME, rest).await;
    }

    /// The next bytes, as they came.
    async fn frame(&mut self) -> Result<Option<Bytes>, PayloadError> {
        if !self.rest.is_empty() {
            return Ok(Some(mem::take(&mut self.rest)));
        }
        if let Some(error) = self.broken.take() {
            self.ended = true;
            return Err(error);
        }
        while !self.ended {
            let frame = match timeout(IDLE, self.body.frame()).await {
                Err(_) => Err(PayloadError::Idle),
                Ok(None) => {
                    self.ended = true;
                    return Ok(None);
                }
                Ok(Some(frame)) => frame.map_err(|error| PayloadError::Broken {
                    source: error.into(),
                }),
            };
            match frame {
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
                // Trailers mean nothing to us.
                Ok(frame) => {
                    if let Ok(bytes) = frame.into_data()
                        && !bytes.is_empty()
                    {
                        self.received += bytes.len() as u64;
                        return Ok(Some(bytes));
                    }
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::{Frame, SizeHint};
    use http_body_util::Full;

    use super::*;

    /// Yields its frames, then nothing for ever, or its error.
    struct Script {
        frames: VecDeque<&'static str>,
        then: Then,
        announced: Option<u64>,
    }

    enum Then {
        Break,
        End,
        Silence,
    }

    impl HttpBody for Script {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            match (self.frames.pop_front(), &self.then) {
                (Some(frame), _) => Poll::Ready(Some(Ok(Frame::data(frame.into())))),
                (None, Then::Break) => Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
                (None, Then::End) => Poll::Ready(None),
                (None, Then::Silence) => Poll::Pending,
            }
        }

        fn size_hint(&self) -> SizeHint {
            self.announced
                .map_or_else(SizeHint::new, SizeHint::with_exact)
        }
    }

    fn script(frames: &[&'static str], then: Then) -> Payload<Script> {
        Payload::new(
            Script {
                frames: frames.iter().copied().collect(),
                then,
                announced: None,
            },
            false,
        )
    }

    /// The bytes of the next batch.
    async fn next<B>(payload: &mut Payload<B>, size: usize) -> Result<Option<String>, PayloadError>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let batch = payload.batch(size).await?;
        Ok(batch.map(|batch| {
            assert!(batch.len() <= size, "no more than was asked for");
            String::from_utf8(batch.pieces().concat()).expect("text")
        }))
    }

    #[tokio::test]
    async fn frames_make_batches_of_the_size_asked_for_wherever_they_end() {
        let mut payload = script(&["ab", "cde", "", "f", "ghijklmno"], Then::End);
        for expected in ["abcd", "efgh", "ijkl", "mno"] {
            let batch = next(&mut payload, 4).await.expect("whole");
            assert_eq!(batch.as_deref(), Some(expected));
        }
        assert_eq!(next(&mut payload, 4).await.expect("whole"), None);
        assert_eq!(payload.received(), 15);
    }

    #[tokio::test]
    async fn large_frames_are_handed_on_uncopied_and_small_ones_share_a_piece() {
        let large = Bytes::from(vec![b'x'; SMALL]);
        let mut whole = Payload::new(Full::new(large.clone()), false);
        let batch = whole.batch(SMALL).await.expect("whole").expect("a batch");
        assert_eq!(batch.pieces()[0].as_ptr(), large.as_ptr());

        let mut trickle = script(&["a"; 100], Then::End);
        let batch = trickle.batch(SMALL).await.expect("whole");
        assert_eq!(batch.expect("a batch").pieces().len(), 1);
    }

    #[tokio::test]
    async fn bytes_before_a_break_are_kept_and_the_break_is_told_once() {
        let mut payload = script(&["abcdef"], Then::Break);
        for expected in ["abcd", "ef"] {
            let came = next(&mut payload, 4).await.expect("what came");
            assert_eq!(came.as_deref(), Some(expected));
        }
        let broken = next(&mut payload, 4).await;
        assert!(matches!(broken, Err(PayloadError::Broken { .. })));
        assert!(!payload.wants_discarding());
    }

    #[tokio::test]
    async fn a_short_body_is_had_whole_and_no_other_is_touched() {
        let announced = || Payload::new(Full::<Bytes>::from("abcdef"), false);
        let whole = announced().whole(6).await.expect("it is short enough");
        assert_eq!(whole.pieces().concat(), b"abcdef");
        let mut empty = Payload::new(http_body_util::Empty::<Bytes>::new(), false);
        assert!(empty.whole(6).await.expect("it is none").is_empty());

        let mut long = announced();
        assert!(long.whole(5).await.is_none());
        assert_eq!(long.received(), 0);
        let mut unannounced = script(&["ab"], Then::End);
        assert!(unannounced.whole(6).await.is_none());
        assert_eq!(unannounced.received(), 0);
    }

    #[tokio::test]
    async fn what_came_of_a_short_body_that_breaks_off_is_not_lost() {
        let body = Script {
            frames: VecDeque::from(["ab", "cd"]),
            then: Then::Break,
            announced: Some(6),
        };
        let mut payload = Payload::new(body, false);
        assert!(payload.whole(6).await.is_none());
        let came = next(&mut payload, 10).await.expect("what came");
        assert_eq!(came.as_deref(), Some("abcd"));
        assert!(next(&mut payload, 10).await.is_err());
        assert!(!payload.wants_discarding());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_given_up() {
        let mut payload = script(&["ab"], Then::Silence);
        let came = next(&mut payload, 1).await.expect("what came");
        assert_eq!(came.as_deref(), Some("a"));
        let came = next(&mut payload, 4).await.expect("what came");
        assert_eq!(came.as_deref(), Some("b"));
        let silent = next(&mut payload, 4).await;
        assert!(matches!(silent, Err(PayloadError::Idle)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unwanted_body_that_never_ends_is_given_up() {
        script(&["ab"], Then::Silence).discard().await;
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_announced_or_not() {
        let mut announced = Payload::new(Full::<Bytes>::from("abcdef"), false);
        let refused = announced.all(5).await;
        assert!(matches!(refused, Err(PayloadError::TooLarge { limit: 5 })));
        assert_eq!(announced.received(), 0);
        assert!(announced.wants_discarding());

        let mut unannounced = script(&["abc", "def", "ghi"], Then::End);
        let refused = unannounced.all(5).await;
        assert!(matches!(refused, Err(PayloadError::TooLarge { limit: 5 })));

        let mut exact = script(&["abc", "de"], Then::End);
        assert_eq!(exact.all(5).await.expect("within"), "abcde");
    }

    #[test]
    fn a_client_that_waits_for_our_word_is_not_made_to_send() {
        let payload = Payload::new(Full::<Bytes>::from("abc"), true);
        assert!(!payload.wants_discarding());
    }

    #[test]
    fn an_empty_body_leaves_nothing_to_discard() {
        let payload = Payload::new(http_body_util::Empty::<Bytes>::new(), false);
        assert!(!payload.wants_discarding());
    }
}
