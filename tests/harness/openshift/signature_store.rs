//! A store of release signatures: a directory, or what a web server has of it.
//!
//! `sha256=<hex>/signature-<n>`, counted from one; a client asks until one is missing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::scratch::Scratch;
use crate::upstream::{Fault, Reply, Upstream};

/// Where the store begins on its web server.
const PATH: &str = "/pub/openshift-v4/signatures/openshift/release";

/// A store of release signatures.
#[derive(Default)]
pub struct SignatureStore(Scratch);

impl SignatureStore {
    /// One that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds a signature as the one of this number.
    pub fn put(&self, digest: &Digest, number: u8, signature: impl AsRef<[u8]>) {
        self.0.file(name(digest, number), signature);
    }

    /// The signature of this number.
    #[track_caller]
    pub fn get(&self, digest: &Digest, number: u8) -> Vec<u8> {
        let path = self.0.join(name(digest, number));
        fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Serves it, signatures that are put later too, under the URL that [`Self::url`] tells.
    #[track_caller]
    pub fn serve(&self) -> Upstream {
        let (server, home) = (Upstream::start(), self.0.path().to_owned());
        server.when(move |asked| [Fault::Instead(answer(&home, asked.path()))]);
        server
    }

    /// Where a server serves it.
    pub fn url(server: &Upstream) -> String {
        server.url() + PATH
    }
}

fn name(digest: &Digest, number: u8) -> PathBuf {
    let directory = digest.as_str().replacen(':', "=", 1);
    Path::new(&directory).join(format!("signature-{number}"))
}

fn answer(home: &Path, path: &str) -> Reply {
    let name = path.strip_prefix(PATH).map(|name| name.replace("%3D", "="));
    let found = name.and_then(|name| fs::read(home.join(name.trim_start_matches('/'))).ok());
    match found {
        Some(bytes) => Reply::new(200).body(bytes),
        None => Reply::new(404).body("not found"),
    }
}
