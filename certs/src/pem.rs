//! Reading and writing the files that hold keys and certificates; PEM in and out.
//!
//! The only file of this crate that touches the disk. Knows nothing of what a certificate says or
//! which files there are. Invariants: a file is replaced whole (written beside, synced, renamed,
//! its directory synced), so a crash leaves the old one or the new one; a key is readable by its
//! owner alone from the moment its file exists; a key that everyone can read is never used.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::Error;

/// A private key and the certificates stored or configured with it, leaf first.
pub(crate) struct Bundle {
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

/// The directory that holds this crate's own files.
pub(crate) struct KeyDir {
    path: PathBuf,
}

impl KeyDir {
    /// Opens the directory, making it (0700) if it isn't there; its parent must exist.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_directory(parent(path))
                .map_err(|source| Error::io("sync the directory above")(source).in_file(path))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("make the directory")(error).in_file(path)),
        }
        Self::open(path)
    }

    /// Opens the directory; one that is missing reads as empty.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.mode() & 0o022 != 0 => Err(Error::DirectoryExposed {
                dir: path.into(),
                mode: metadata.mode() & 0o7777,
            }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("look at the directory")(error).in_file(path))
            }
            _ => Ok(Self { path: path.into() }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file that [`save`](Self::save) wrote; nothing if there is none.
    pub(crate) fn load(&self, name: &str) -> Result<Option<Bundle>, Error> {
        let path = self.file(name);
        let text = match read_secret(&path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other.map_err(|error| error.in_file(&path))?,
        };
        let bundle = parse_key(&text).and_then(|key| {
            Ok(Bundle {
                key,
                certificates: parse_certificates(&text)?,
            })
        });
        bundle.map(Some).map_err(|error| error.in_file(&path))
    }

    /// Writes a key and its certificates as one file, in place of the one of that name.
    ///
    /// # Errors
    ///
    /// On failure the file is as before; only a failed sync of the directory leaves open which of
    /// the two a power cut would show, and either is whole.
    pub(crate) fn save(
        &self,
        name: &str,
        key: &PrivatePkcs8KeyDer<'_>,
        certificates: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        let path = self.file(name);
        let text = key_text(key) + &certificates_text(certificates);
        self.replace(name, text.as_bytes())
            .map_err(|source| Error::io("write the file")(source).in_file(&path))
    }

    fn replace(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let draft = self.file(&format!("{name}.tmp"));
        // One process owns the directory, so a draft that lies here was left by a crash.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = write_synced(&draft, text).and_then(|()| fs::rename(&draft, self.file(name)));
        if written.is_err() {
            // The first error is the one worth telling.
            let _ = fs::remove_file(&draft);
        }
        written.and_then(|()| sync_directory(&self.path))
    }
}

/// Reads an administrator's certificate chain and the key for it.
pub(crate) fn read_pair(certificates: &Path, key: &Path) -> Result<Bundle, Error> {
    let key = read_secret(key)
        .and_then(|text| parse_key(&text))
        .map_err(|error| error.in_file(key))?;
    let chain = fs::read(certificates)
        .map_err(Error::io("read the file"))
        .and_then(|text| parse_certificates(&text))
        .and_then(|chain| {
            if chain.is_empty() {
                Err(Error::NoCertificate)
            } else {
                Ok(chain)
            }
        })
        .map_err(|error| error.in_file(certificates))?;
    Ok(Bundle {
        key,
        certificates: chain,
    })
}

/// All certificates in a text, in its order; other sections are passed over.
pub(crate) fn parse_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::ParsePem { source })
}

/// The certificates as PEM, in order.
pub(crate) fn certificates_text(certificates: &[CertificateDer<'_>]) -> String {
    certificates
        .iter()
        .map(|certificate| section("CERTIFICATE", certificate))
        .collect()
}

/// The key as PEM.
pub(crate) fn key_text(key: &PrivatePkcs8KeyDer<'_>) -> String {
    section("PRIVATE KEY", key.secret_pkcs8_der())
}

fn parse_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(text).map_err(|source| match source {
        pem::Error::NoItemsFound => Error::NoKey,
        source => Error::ParsePem { source },
    })
}

fn section(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    // RFC 7468, section 2: lines of 64 characters.
    for line in body.as_bytes().chunks(64) {
        text.push_str(str::from_utf8(line).expect("base64 is ASCII, which splits anywhere"));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// Reads a file with a private key, judging the permissions of the very file that is read.
fn read_secret(path: &Path) -> Result<Vec<u8>, Error> {
    let mut file = File::open(path).map_err(Error::io("open the file"))?;
    let mode = file
        .metadata()
        .map_err(Error::io("look at the file"))?
        .mode();
    if mode & 0o007 != 0 {
        return Err(Error::KeyExposed {
            mode: mode & 0o7777,
        });
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)
        .map_err(Error::io("read the file"))?;
    Ok(text)
}

fn write_synced(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// The directory a path lies in; a bare name lies in the current one.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(vec![7; 138])
    }

    #[test]
    fn what_is_saved_reads_back_the_same() {
        let home = tempfile::tempdir().unwrap();
        let dir = KeyDir::create(&home.path().join("certs")).unwrap();
        let certificates = [
            CertificateDer::from(vec![1; 200]),
            CertificateDer::from(vec![2]),
        ];
        assert!(dir.load("x.pem").unwrap().is_none());
        dir.save("x.pem", &key(), &certificates).unwrap();
        let bundle = dir.load("x.pem").unwrap().unwrap();
        assert_eq!(bundle.key.secret_der(), key().secret_pkcs8_der());
        assert_eq!(bundle.certificates, certificates);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_draft() {
        let home = tempfile::tempdir().unwrap();
        let dir = KeyDir::create(&home.path().join("certs")).unwrap();
        // A directory can't be replaced by a file: the rename is refused.
        fs::create_dir(dir.file("x.pem")).unwrap();
        let error = dir.save("x.pem", &key(), &[]).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error:?}");
        assert!(dir.file("x.pem").is_dir());
        assert!(!dir.file("x.pem.tmp").exists());
    }

    #[test]
    fn a_bare_name_lies_in_the_current_directory() {
        assert_eq!(parent(Path::new("certs")), Path::new("."));
        assert_eq!(parent(Path::new("data/certs")), Path::new("data"));
    }

    #[test]
    fn sections_have_lines_of_64_characters() {
        let text = section("CERTIFICATE", &[0xff; 49]);
        let lengths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [27, 64, 4, 25]);
    }
}
