//! Bytes that are taken together, as the pieces in which they came.
//!
//! Pieces are handed on and never copied into one: the page cache is the next place they are copied to.
//! It knows nothing of where they go.

use bytes::Bytes;

/// Pieces of content, in their order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Batch {
    /// Adds a piece behind the others.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.length += piece.len();
            self.pieces.push(piece);
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces, none of them empty.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// All of it in one piece, copied only if it came in several.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        match self.pieces.len() {
            1 => self.pieces.remove(0),
            _ => self.pieces.concat().into(),
        }
    }
}

impl From<Bytes> for Batch {
    fn from(bytes: Bytes) -> Self {
        let mut batch = Self::default();
        batch.push(bytes);
        batch
    }
}

impl From<&'static str> for Batch {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Vec<u8>> for Batch {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}
