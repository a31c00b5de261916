//! What moves on an HTTP/2 connection.
//!
//! Over HTTP/2 a client says how much it takes of each answer, and keeps its connection with answers
//! to our pings: what is read from the socket and written to it proves nothing. What does is a new
//! request, and a byte of an answer that the client let us send. The clock on them rests while the
//! client waits for us: for an answer, or for what is next of one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// What moves on one connection; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Movement(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// How often the client waits for us.
    owed: usize,
    /// When something moved last.
    last: Instant,
}

/// Something that the client waits for, until it is dropped.
#[derive(Debug)]
pub(super) struct Debt(Movement);

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer<B> {
    body: B,
    movement: Movement,
    /// While the client waits for the next piece.
    debt: Option<Debt>,
}

/// A piece of an answer, on its way to the socket.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    movement: Movement,
}

impl Movement {
    /// Nothing has moved yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            owed: 0,
            last: Instant::now(),
        })))
    }

    /// Notes that a request came in.
    pub(super) fn owe(&self) -> Debt {
        self.change(|state| state.owed += 1);
        Debt(self.clone())
    }

    /// Resolves once, from now on, nothing has moved for `patience` and the client did not wait for us.
    ///
    /// # Cancel safety
    /// Safe; another call waits anew.
    pub(super) async fn ceased(&self, patience: Duration) {
        let mut seen = Instant::now();
        loop {
            sleep_until(seen + patience).await;
            let State { owed, last } = *self.state();
            if owed > 0 {
                seen = Instant::now();
            } else if last > seen {
                seen = last;
            } else {
                return;
            }
        }
    }

    fn change(&self, what: impl FnOnce(&mut State)) {
        let mut state = self.state();
        what(&mut state);
        state.last = Instant::now();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debt {
    /// Goes on with the answer until there is something of it for the client to take.
    pub(super) fn settle<B>(self, body: B) -> Answer<B> {
        Answer {
            body,
            movement: self.0.clone(),
            debt: Some(self),
        }
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.0.change(|state| state.owed -= 1);
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let Self {
            body,
            movement,
            debt,
        } = &mut *self;
        debt.get_or_insert_with(|| movement.owe());
        let frame = ready!(Pin::new(body).poll_frame(context));
        *debt = None;
        let watched = |bytes| Piece {
            bytes,
            movement: movement.clone(),
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(watched))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    /// Only what the client allowed comes this far, and only as the socket takes it.
    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.movement.change(|_| ());
    }
}
