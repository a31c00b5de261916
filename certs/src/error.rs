//! What can go wrong with key material, and the chain of causes as one text.
//!
//! Errors that concern a file are wrapped once, where its path is known, in [`Error::File`]; the
//! checks below it stay free of paths. Display prints one level only. No variant carries any part
//! of a key.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::validity::Utc;

/// Why an operation on certificates or keys failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The CA's own end has come; only a rotation helps.
    #[error("the certificate authority expired on {}", Utc(*not_after))]
    AuthorityExpired {
        /// The CA's last moment.
        not_after: SystemTime,
    },
    /// There is no CA yet, and this operation doesn't make one.
    #[error("there is no certificate authority in {}", dir.display())]
    AuthorityMissing {
        /// Where one was looked for.
        dir: PathBuf,
    },
    /// The file of the CA has another number of certificates than one or three.
    #[error("expected one certificate, or three while two authorities overlap, found {found}")]
    AuthorityShape {
        /// How many there are.
        found: usize,
    },
    /// A date lies outside what a certificate can express: the clock is wrong.
    #[error("a certificate can't be dated {}", Utc(*moment))]
    Date {
        /// The moment that can't be written.
        moment: SystemTime,
    },
    /// The directory for keys can be changed by other users.
    #[error("the directory {} can be changed by other users (mode {mode:04o})", dir.display())]
    DirectoryExposed {
        /// The directory.
        dir: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The certificate is no longer valid.
    #[error("the certificate expired on {}", Utc(*not_after))]
    Expired {
        /// Its last moment.
        not_after: SystemTime,
    },
    /// Something about one file; the source says what.
    #[error("use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// A certificate or key could not be made.
    #[error("make a certificate")]
    Generate {
        /// The generator's complaint; its type is not part of this crate's face.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The operating system refused.
    #[error("{attempt}")]
    Io {
        /// What was attempted, in a word or two.
        attempt: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// A file with a private key is open to everyone on the machine.
    #[error("the private key is open to every user of this machine (mode {mode:04o})")]
    KeyExposed {
        /// The permission bits.
        mode: u32,
    },
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The private key can't be read or is of a kind that can't be used.
    #[error("the private key can't be used")]
    KeyRejected {
        /// The reason, as the library that refused it puts it.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The text holds no certificate.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// The text holds no private key that can be read without a password.
    #[error("there is no unencrypted private key in it")]
    NoKey,
    /// A certificate without a single name was asked for.
    #[error("a server certificate needs at least one name")]
    NoNames,
    /// The certificate is not one of a CA.
    #[error("the certificate is not one of a certificate authority")]
    NotAnAuthority,
    /// The certificate's time has not come.
    #[error("the certificate is not valid before {}", Utc(*not_before))]
    NotYetValid {
        /// Its first moment.
        not_before: SystemTime,
    },
    /// The certificate in use is the administrator's; it isn't ours to renew.
    #[error("the server certificate is the administrator's own, {}", path.display())]
    OwnCertificate {
        /// The administrator's file.
        path: PathBuf,
    },
    /// A certificate can't be parsed.
    #[error("parse a certificate")]
    ParseCertificate {
        /// Where the parser stopped.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A text is not well-formed PEM.
    #[error("parse PEM")]
    ParsePem {
        /// Where the parser stopped.
        source: rustls_pki_types::pem::Error,
    },
    /// The TLS library refused a configuration.
    #[error("set up TLS")]
    Tls {
        /// Its reason.
        source: rustls::Error,
    },
}

impl Error {
    /// Says which file this is about.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::File {
            path: path.into(),
            source: Box::new(self),
        }
    }

    /// Whether the content of a file is at fault, rather than access to it.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::File { source, .. } => source.is_damage(),
            Self::Io { .. } | Self::KeyExposed { .. } => false,
            _ => true,
        }
    }

    pub(crate) fn io(attempt: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { attempt, source }
    }

    pub(crate) fn generate(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Generate {
            source: Box::new(source),
        }
    }
}

/// The whole chain of causes on one line, for a log.
pub(crate) fn report(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_prints_only_itself_and_the_report_prints_all() {
        let error = Error::Io {
            attempt: "write it",
            source: io::ErrorKind::StorageFull.into(),
        }
        .in_file(Path::new("certs/ca.pem"));
        assert_eq!(error.to_string(), "use certs/ca.pem");
        assert_eq!(
            report(&error),
            "use certs/ca.pem: write it: no storage space"
        );
    }
}
