//! The body of a request, as it arrives.
//!
//! Owns its patience: no clock runs on a whole body, one runs on each wait for the next bytes. What
//! a handler leaves unread is read on and thrown away within bounds, for a client that sees its
//! connection reset in the middle of sending never reads the answer. It knows nothing of what the
//! bytes mean. Memory: one piece of the size asked for.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::timeout;

/// How long a client may be silent in the middle of a body.
const IDLE: Duration = Duration::from_mins(1);
/// What is read of a body nobody wants, at most: a client that sends more of it gets a reset.
const DISCARD_BYTES: u64 = 512 * 1024 * 1024;
/// How long a body nobody wants is read, at most.
const DISCARD_TIME: Duration = Duration::from_secs(30);

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Payload<B = Incoming> {
    body: B,
    /// The client waits for our word before it sends (`Expect: 100-continue`).
    awaits_word: bool,
    received: u64,
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

    /// The next piece: about `size` bytes or more, less only at the end. `None` when all is read.
    ///
    /// Bytes that arrived before a failure are handed out first; the failure comes with the next
    /// call.
    ///
    /// # Errors
    /// When the body breaks off or the client falls silent.
    ///
    /// # Cancel safety
    /// Bytes gathered for the piece are lost: give the body up then.
    pub(crate) async fn piece(&mut self, size: usize) -> Result<Option<Bytes>, PayloadError> {
        let Some(first) = self.frame().await? else {
            return Ok(None);
        };
        if first.len() >= size {
            return Ok(Some(first));
        }
        let mut gathered = BytesMut::with_capacity(size);
        gathered.extend_from_slice(&first);
        while gathered.len() < size {
            match self.frame().await {
                Ok(Some(frame)) => gathered.extend_from_slice(&frame),
                Ok(None) => break,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        Ok(Some(gathered.freeze()))
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

    use http_body::Frame;
    use http_body_util::Full;

    use super::*;

    /// Yields its frames, then nothing for ever, or its error.
    struct Script {
        frames: VecDeque<&'static str>,
        then: Then,
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
    }

    fn script(frames: &[&'static str], then: Then) -> Payload<Script> {
        Payload::new(
            Script {
                frames: frames.iter().copied().collect(),
                then,
            },
            false,
        )
    }

    #[tokio::test]
    async fn small_frames_are_gathered_into_pieces() {
        let mut payload = script(&["ab", "cd", "e", "", "f"], Then::End);
        assert_eq!(payload.piece(4).await.expect("whole"), Some("abcd".into()));
        assert_eq!(payload.piece(4).await.expect("whole"), Some("ef".into()));
        assert_eq!(payload.piece(4).await.expect("whole"), None);
        assert_eq!(payload.received(), 6);
    }

    #[tokio::test]
    async fn bytes_before_a_break_are_kept_and_the_break_is_told_once() {
        let mut payload = script(&["ab"], Then::Break);
        assert_eq!(
            payload.piece(4).await.expect("what came"),
            Some("ab".into())
        );
        assert!(matches!(
            payload.piece(4).await,
            Err(PayloadError::Broken { .. })
        ));
        assert!(!payload.wants_discarding());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_given_up() {
        let mut payload = script(&["ab"], Then::Silence);
        assert_eq!(
            payload.piece(1).await.expect("what came"),
            Some("ab".into())
        );
        assert!(matches!(payload.piece(1).await, Err(PayloadError::Idle)));
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
