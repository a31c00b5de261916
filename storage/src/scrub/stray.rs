//! Names below the data directory that are none of the store's.
//!
//! They are reported and left alone: nobody but the administrator knows what they are. What other parts
//! of the program keep beside the store is not looked into.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use uuid::Uuid;

use super::Scrub;
use super::report::{Outcome, Problem};
use crate::error::Error;
use crate::layout::parse_flat_name;
use crate::oci::{Algorithm, Digest, RepoName, Tag};
use crate::progress::check_stop;

/// What lies below the root and is not looked into: what may hold anything, what is the server's, and
/// what a file system has of its own.
const CLOSED: [&str; 11] = [
    "admin-password",
    "admin.sock",
    "certs",
    "fetches",
    "index",
    "lost+found",
    "quarantine",
    "signatures",
    "state",
    "tmp",
    "users.htpasswd",
];

/// What may lie where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not for us to look at.
    Closed,
    /// One of our files.
    File,
    /// One of our folders.
    Folder,
    /// Nothing of ours.
    Stray,
}

impl Scrub<'_> {
    /// Reports what is none of the store's.
    pub(super) fn report_strays(&mut self) -> Result<(), Error> {
        let root = self.shared.layout.root().to_owned();
        self.report_strays_in(&root, &mut Vec::new())
    }

    /// As [`Self::report_strays`], of the folder `dir`, whose path below the root is `path`.
    fn report_strays_in(&mut self, dir: &Path, path: &mut Vec<String>) -> Result<(), Error> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            listed => listed.map_err(|source| Error::io("list", dir, source))?,
        };
        for entry in entries {
            check_stop(self.stop)?;
            let entry = entry.map_err(|source| Error::io("list", dir, source))?;
            let child = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                self.tell(&child, Problem::Stray, Outcome::Reported, []);
                continue;
            };
            path.push(name);
            match (place(path), child.is_dir()) {
                (Place::Closed, _) | (Place::File, false) => {}
                (Place::Folder, true) => self.report_strays_in(&child, path)?,
                // Gone since it was listed, or never ours.
                _ if !child.exists() && !child.is_symlink() => {}
                _ => self.tell(&child, Problem::Stray, Outcome::Reported, []),
            }
            path.pop();
        }
        Ok(())
    }
}

/// What may lie at a path below the root.
fn place(path: &[String]) -> Place {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["format" | "lock"] | ["uploads", _, "data" | "state" | "checkpoint" | "next"] => {
            Place::File
        }
        ["blobs" | "repos" | "trash" | "uploads"] => Place::Folder,
        [name] if CLOSED.contains(&name.strip_suffix(".tmp").unwrap_or(name)) => Place::Closed,
        ["blobs", algorithm] => folder_if(is_algorithm(algorithm)),
        ["blobs", _, prefix] => folder_if(prefix.len() == 2 && is_hex(prefix)),
        ["blobs", algorithm, prefix, hex] => {
            file_if(hex.starts_with(prefix) && is_digest(algorithm, hex))
        }
        ["trash", name] => file_if(parse_flat_name(name).is_some()),
        ["uploads", id] => folder_if(Uuid::try_parse(id).is_ok()),
        ["repos", ref inner @ ..] => place_in_repos(inner),
        _ => Place::Stray,
    }
}

/// What may lie at a path below `repos/`.
fn place_in_repos(path: &[&str]) -> Place {
    let is_own = |component: &&str| component.starts_with('_');
    let (name, own) = path.split_at(path.iter().position(is_own).unwrap_or(path.len()));
    if name.join("/").parse::<RepoName>().is_err() {
        return Place::Stray;
    }
    match *own {
        [] | ["_blobs" | "_manifests" | "_referrers" | "_tags"] => Place::Folder,
        ["_tags", tag] => file_if(tag.parse::<Tag>().is_ok()),
        ["_blobs" | "_manifests" | "_referrers", algorithm] => folder_if(is_algorithm(algorithm)),
        ["_blobs" | "_manifests", algorithm, hex] => file_if(is_digest(algorithm, hex)),
        ["_referrers", algorithm, hex] => folder_if(is_digest(algorithm, hex)),
        ["_referrers", _, _, name] => file_if(parse_flat_name(name).is_some()),
        _ => Place::Stray,
    }
}

fn is_algorithm(text: &str) -> bool {
    text.parse::<Algorithm>().is_ok()
}

fn is_digest(algorithm: &str, hex: &str) -> bool {
    let digest = |algorithm| Digest::from_hex(algorithm, hex);
    algorithm
        .parse()
        .is_ok_and(|algorithm| digest(algorithm).is_ok())
}

fn is_hex(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.bytes().all(is_digit)
}

fn file_if(is_ours: bool) -> Place {
    if is_ours { Place::File } else { Place::Stray }
}

fn folder_if(is_ours: bool) -> Place {
    if is_ours { Place::Folder } else { Place::Stray }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[track_caller]
    fn check(path: &str, expected: Place) {
        let path = path.replace("HEX", HEX);
        let components: Vec<_> = path.split('/').map(str::to_owned).collect();
        assert_eq!(place(&components), expected, "{path}");
    }

    #[test]
    fn what_the_store_writes_is_its_own() {
        check("format", Place::File);
        check("blobs/sha256/44/HEX", Place::File);
        check("trash/sha256-HEX", Place::File);
        check(
            "uploads/67e55044-10b1-426f-9247-bb680e5fe0c8/next",
            Place::File,
        );
        check("repos/a/b", Place::Folder);
        check("repos/a/_tags/_latest", Place::File);
        check("repos/a/b/_manifests/sha256/HEX", Place::File);
        check("repos/a/b/_referrers/sha256/HEX/sha256-HEX", Place::File);
        check("users.htpasswd.tmp", Place::Closed);
        check("quarantine", Place::Closed);
    }

    #[test]
    fn what_it_cannot_have_written_is_a_stray() {
        for path in [
            "notes.txt",
            "blobs/md5",
            "blobs/sha256/4",
            "blobs/sha256/45/HEX",
            "blobs/sha256/44/HEX.part",
            "trash/HEX",
            "uploads/x",
            "uploads/67e55044-10b1-426f-9247-bb680e5fe0c8/more",
            "repos/UPPER",
            "repos/_tags",
            "repos/a/_other",
            "repos/a/_tags/-v",
            "repos/a/_tags/v/w",
            "repos/a/_blobs/sha512/HEX",
        ] {
            check(path, Place::Stray);
        }
    }
}
