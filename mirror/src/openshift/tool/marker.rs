//! The places in a program that are filled in when it is taken out of a release.
//!
//! A marker is a NUL, its name, a NUL, padding and a NUL; what is written begins in place of the first NUL
//! and ends with one of its own, and the program reads up to there. Only a whole marker counts, so a
//! program that was filled in is not filled in again, and only the first is filled in. Invariant: this
//! program holds no whole marker itself, for each is put together when it is looked for.

use std::io::{self, Read, Seek, SeekFrom, Write};

use thiserror::Error;

use super::search::{Needle, first_places};

/// What can be written into a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marker {
    /// For what the release is: `linux/amd64`, or `multi (linux/amd64)`.
    Architecture,
    /// The release image, by digest.
    Image,
    /// The version of the release.
    Version,
}

impl Marker {
    /// With another character in place of each NUL, and how long the padding is.
    fn parts(self) -> (&'static str, usize) {
        match self {
            Self::Architecture => ("!_RELEASE_ARCHITECTURE_LOCATION_!", 64),
            Self::Image => ("!_RELEASE_IMAGE_LOCATION_!", 300),
            Self::Version => ("!_RELEASE_VERSION_LOCATION_!", 64),
        }
    }

    /// As it stands in a program.
    fn bytes(self) -> Vec<u8> {
        let (name, padding) = self.parts();
        let mut bytes = name.replace('!', "\0").into_bytes();
        bytes.resize(bytes.len() + padding, b'X');
        bytes.push(0);
        bytes
    }

    /// The longest text that it has room for.
    fn room(self) -> usize {
        let (name, padding) = self.parts();
        name.len() + padding
    }

    /// In words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Architecture => "architecture",
            Self::Image => "release image",
            Self::Version => "version",
        }
    }
}

/// Writes values in place of the first of their markers. Returns the markers that the program lacks.
///
/// # Errors
/// When a value has no room, and then nothing was written; and when the file can't be read or written.
pub fn patch(
    file: &mut (impl Read + Write + Seek),
    values: &[(Marker, &str)],
) -> Result<Vec<Marker>, PatchError> {
    for (marker, value) in values {
        let room = marker.room();
        if value.len() > room || value.contains('\0') {
            return Err(PatchError::NoRoom {
                what: marker.what(),
                value: (*value).to_owned(),
                room,
            });
        }
    }
    let needles = values.iter().map(|(marker, _)| Needle::new(marker.bytes()));
    let places = first_places(file, &needles.collect::<Vec<_>>())?;
    let mut missing = Vec::new();
    for ((marker, value), place) in values.iter().zip(places) {
        let Some(place) = place else {
            missing.push(*marker);
            continue;
        };
        file.seek(SeekFrom::Start(place))?;
        file.write_all(value.as_bytes())?;
        file.write_all(&[0])?;
    }
    file.flush()?;
    Ok(missing)
}

/// Why a program was not filled in.
#[derive(Debug, Error)]
pub enum PatchError {
    /// The file.
    #[error("read and write the program")]
    File {
        /// What it said.
        #[from]
        source: io::Error,
    },
    /// A value is too long, or would end early.
    #[error("the {what} `{}` has no room in the program: {room} bytes without a NUL", value.escape_debug())]
    NoRoom {
        /// Which.
        what: &'static str,
        /// What was to be written.
        value: String,
        /// The bytes there are.
        room: usize,
    },
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// The marker as the document that describes it has it.
    fn described(name: &str, padding: usize) -> Vec<u8> {
        [b"\0", name.as_bytes(), b"\0", &vec![b'X'; padding], b"\0"].concat()
    }

    fn patched(program: Vec<u8>, values: &[(Marker, &str)]) -> (Vec<u8>, Vec<Marker>) {
        let mut file = Cursor::new(program);
        let missing = patch(&mut file, values).unwrap();
        (file.into_inner(), missing)
    }

    #[track_caller]
    fn check(marker: Marker, name: &str, padding: usize, total: usize) {
        let whole = described(name, padding);
        assert_eq!(whole.len(), total);
        let program = [b"before", whole.as_slice(), b"after"].concat();

        let (after, missing) = patched(program.clone(), &[(marker, "value")]);

        let expected = [b"beforevalue\0", &whole[6..], b"after"].concat();
        assert_eq!(after.len(), program.len());
        assert!(after == expected && missing.is_empty());
        let longest = "v".repeat(total - 1);
        let (after, _) = patched(program.clone(), &[(marker, &longest)]);
        let expected = [b"before", longest.as_bytes(), b"\0after"].concat();
        assert!(after == expected);
        let mut file = Cursor::new(program.clone());
        for wrong in ["v".repeat(total), "v\0v".to_owned()] {
            let error = patch(&mut file, &[(marker, &wrong)]).unwrap_err();
            assert!(matches!(error, PatchError::NoRoom { room, .. } if room == total - 1));
        }
        assert!(file.into_inner() == program, "nothing was written");
    }

    #[test]
    fn a_value_begins_at_the_marker_ends_with_a_nul_and_moves_nothing() {
        check(Marker::Image, "_RELEASE_IMAGE_LOCATION_", 300, 327);
        check(Marker::Version, "_RELEASE_VERSION_LOCATION_", 64, 93);
        let name = "_RELEASE_ARCHITECTURE_LOCATION_";
        check(Marker::Architecture, name, 64, 98);
    }

    #[test]
    fn only_the_first_marker_is_filled_in_and_never_twice() {
        let marker = described("_RELEASE_VERSION_LOCATION_", 64);
        let program = [marker.as_slice(), b"..", &marker].concat();
        let (once, missing) = patched(program, &[(Marker::Version, "4.18.7")]);
        assert!(once.starts_with(b"4.18.7\0") && once.ends_with(&marker) && missing.is_empty());

        let whole = once[..marker.len() + 2].to_vec();
        let (twice, missing) = patched(whole.clone(), &[(Marker::Version, "4.18.8")]);
        assert!(twice == whole);
        assert_eq!(missing, [Marker::Version]);
    }

    #[test]
    fn a_marker_that_is_cut_short_is_none() {
        let whole = described("_RELEASE_VERSION_LOCATION_", 64);
        for program in [&whole[1..], &whole[..whole.len() - 1]] {
            let values = [(Marker::Version, "4.18.7"), (Marker::Image, "x")];
            let (after, missing) = patched(program.to_vec(), &values);
            assert!(after == program);
            assert_eq!(missing, [Marker::Version, Marker::Image]);
        }
    }

    #[test]
    fn this_program_holds_no_marker_itself() {
        let mut own = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let all = [Marker::Architecture, Marker::Image, Marker::Version];
        let needles: Vec<_> = all.map(|marker| Needle::new(marker.bytes())).into();
        assert_eq!(first_places(&mut own, &needles).unwrap(), [None; 3]);
    }
}
