//! Programs with room for what `oc adm release extract` writes into them.
//!
//! The room is marked by a name between zero bytes and filled with `X`; what is written begins where the
//! mark begins and ends with a zero byte, and the file keeps its length.

use crate::content::Noise;

const IMAGE: (&str, usize) = ("_RELEASE_IMAGE_LOCATION_", 300);
const VERSION: (&str, usize) = ("_RELEASE_VERSION_LOCATION_", 64);
const ARCHITECTURE: (&str, usize) = ("_RELEASE_ARCHITECTURE_LOCATION_", 64);

/// A program of random bytes.
#[derive(Clone, Debug)]
pub struct Program {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Architecture,
    Code(Vec<u8>),
    Image,
    Version,
}

impl Program {
    /// One that knows nothing of releases.
    pub fn plain(seed: u64, length: u64) -> Self {
        let code = Noise::new(seed, length).bytes().to_vec();
        Self {
            pieces: vec![Piece::Code(code)],
        }
    }

    /// One like `oc`, with room for the version.
    pub fn client(seed: u64) -> Self {
        Self::plain(seed, 70_001)
            .and(Piece::Version)
            .and_code(seed, 5003)
    }

    /// One like `openshift-install`, with room for all three.
    pub fn installer(seed: u64) -> Self {
        Self::plain(seed, 65_000)
            .and(Piece::Image)
            .and_code(seed, 131)
            .and(Piece::Architecture)
            .and_code(seed, 300_000)
            .and(Piece::Version)
            .and_code(seed, 17)
    }

    /// Its bytes as they lie in the payload.
    pub fn bytes(&self) -> Vec<u8> {
        self.with(|_| None)
    }

    /// Its bytes as they are to be extracted, with the image, the version and the architecture.
    pub fn extracted(&self, image: &str, version: &str, architecture: &str) -> Vec<u8> {
        self.with(|piece| match piece {
            Piece::Architecture => Some(architecture),
            Piece::Code(_) => None,
            Piece::Image => Some(image),
            Piece::Version => Some(version),
        })
    }

    fn with<'a>(&self, value: impl Fn(&Piece) -> Option<&'a str>) -> Vec<u8> {
        let room = |piece: &Piece, name, length| filled(name, length, value(piece));
        let bytes = |piece: &Piece| match piece {
            Piece::Architecture => room(piece, ARCHITECTURE.0, ARCHITECTURE.1),
            Piece::Code(code) => code.clone(),
            Piece::Image => room(piece, IMAGE.0, IMAGE.1),
            Piece::Version => room(piece, VERSION.0, VERSION.1),
        };
        self.pieces.iter().flat_map(bytes).collect()
    }

    fn and(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }

    fn and_code(self, seed: u64, length: u64) -> Self {
        let code = Noise::new(seed ^ length, length).bytes().to_vec();
        self.and(Piece::Code(code))
    }
}

/// The room of this name, and what is written into it.
fn filled(name: &str, padding: usize, value: Option<&str>) -> Vec<u8> {
    let mut room = vec![0];
    room.extend_from_slice(name.as_bytes());
    room.push(0);
    room.resize(room.len() + padding, b'X');
    room.push(0);
    if let Some(value) = value {
        room[..value.len()].copy_from_slice(value.as_bytes());
        room[value.len()] = 0;
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_as_long_as_programs_have_it_and_stays_so() {
        for ((name, padding), length) in [(IMAGE, 327), (VERSION, 93), (ARCHITECTURE, 98)] {
            assert_eq!(filled(name, padding, None).len(), length);
            let value = filled(name, padding, Some("a value"));
            assert_eq!(value.len(), length);
            assert!(value.starts_with(b"a value\0"));
        }
        let program = Program::installer(1);
        let extracted = program.extracted("q/r@sha256:0", "4.18.7", "linux/amd64");
        assert_eq!(extracted.len(), program.bytes().len());
    }
}
