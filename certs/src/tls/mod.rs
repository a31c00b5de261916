//! The server's side of TLS: the certificate presented, and how it is replaced while serving.
//!
//! What is presented is chosen in `source.rs`; `handshake.rs` gives it to clients; this file joins
//! the two and is what the server holds. Knows nothing of sockets or of when to look again
//! (`rotation.rs`). Invariants: publishing is one swap, so a handshake sees the old certificate or
//! the new one; a failure keeps what is in use.

mod handshake;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use tokio::sync::watch;
use tracing::{error, info};

use crate::authority::{Authority, Issued};
use crate::details::Details;
use crate::error::{Error, report};
use crate::name::SubjectName;
use crate::pem::KeyDir;
use crate::validity::Utc;

pub use source::{OwnCertificate, State};
use source::{Presented, Source};

/// What a server presents itself with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where this crate keeps its files, made if missing (its parent must exist).
    pub dir: PathBuf,
    /// Every name the server is reached by.
    pub names: BTreeSet<SubjectName>,
    /// The administrator's certificate, used in place of ours.
    pub own: Option<OwnCertificate>,
}

/// The server certificate, kept valid and swappable under a running server.
pub struct ServerTls {
    source: Mutex<Source>,
    published: watch::Sender<Presented>,
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Opens or makes the CA, and gets a certificate ready.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way of presenting a valid certificate, the administrator's if one is
    /// given. A renewal that fails while the old certificate still holds is no such thing.
    pub fn open(config: Config, now: SystemTime) -> Result<Self, Error> {
        let source = Source {
            authority: Authority::open_or_create(&config.dir, now)?,
            dir: KeyDir::open(&config.dir)?,
            names: config.names,
            own: config.own,
        };
        let first = source.present_first(now)?;
        log(&first.state);
        let (published, receiver) = watch::channel(first);
        Ok(Self {
            config: handshake::server_config(receiver)?,
            source: Mutex::new(source),
            published,
        })
    }

    /// What the certificate of our own making in `dir` says, without changing anything.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it is there but can't be used.
    pub fn stored(dir: &Path) -> Result<Option<Details>, Error> {
        source::describe_stored(dir)
    }

    /// The configuration for accepting connections; it follows every renewal by itself.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The certificate in use.
    pub fn state(&self) -> State {
        self.published.borrow().state.clone()
    }

    /// Issues a new server certificate now, for exactly the names of the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::OwnCertificate`] if the administrator's is in use; on any error the old one stays.
    pub fn renew(&self, now: SystemTime) -> Result<(), Error> {
        let source = self.lock();
        if let Some(own) = &source.own {
            return Err(Error::OwnCertificate {
                path: own.cert.clone(),
            });
        }
        self.publish(source.reissue(now)?);
        Ok(())
    }

    /// Takes over other names and another certificate of the administrator's, or none.
    ///
    /// # Errors
    ///
    /// On failure names and certificates stay as they were.
    pub fn reload(
        &self,
        names: BTreeSet<SubjectName>,
        own: Option<OwnCertificate>,
        now: SystemTime,
    ) -> Result<(), Error> {
        let mut source = self.lock();
        let names = std::mem::replace(&mut source.names, names);
        let own = std::mem::replace(&mut source.own, own);
        match source.present(now) {
            Ok(next) => {
                self.publish(next);
                Ok(())
            }
            Err(error) => {
                source.names = names;
                source.own = own;
                Err(error)
            }
        }
    }

    /// Puts a new CA in place of the current one and presents a certificate that the clients of
    /// either accept.
    ///
    /// # Errors
    ///
    /// The new CA could not be made or written, and everything is as before. Once it is written the
    /// rotation stands: should the server certificate then fail, that is logged and made up for at
    /// the next look, because a second rotation would cut off the clients of the first CA.
    pub fn rotate(&self, now: SystemTime) -> Result<(), Error> {
        let mut source = self.lock();
        source.authority.rotate(now)?;
        info!(
            authority = source.authority.current().subject,
            not_after = %Utc(source.authority.current().validity.not_after),
            "Rotated the certificate authority"
        );
        match source.present(now) {
            Ok(next) => self.publish(next),
            Err(error) => error!(
                error = report(&error),
                "Kept the server certificate of the previous authority"
            ),
        }
        Ok(())
    }

    /// Issues a certificate for some other server; see [`Authority::issue`].
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`].
    pub fn issue(&self, names: &BTreeSet<SubjectName>, now: SystemTime) -> Result<Issued, Error> {
        self.lock().authority.issue(names, now)
    }

    /// What clients must trust; see [`Authority::trust_pem`].
    pub fn trust_pem(&self, now: SystemTime) -> String {
        self.lock().authority.trust_pem(now)
    }

    /// What our CA says.
    pub fn authority(&self) -> Details {
        self.lock().authority.current().clone()
    }

    /// What the CA before it says, as long as it is still trusted.
    pub fn previous_authority(&self, now: SystemTime) -> Option<Details> {
        self.lock().authority.previous(now).cloned()
    }

    /// Does what is due at `now`: renews ours, or takes over the administrator's changed files.
    ///
    /// # Errors
    ///
    /// On failure what is in use stays in use.
    pub(crate) fn refresh(&self, now: SystemTime) -> Result<(), Error> {
        let source = self.lock();
        self.publish(source.present(now)?);
        Ok(())
    }

    fn publish(&self, next: Presented) {
        let changed = self.published.send_if_modified(|current| {
            let changed = next.state != current.state
                || next.identity.certified.cert != current.identity.certified.cert;
            if changed {
                *current = next;
            }
            changed
        });
        if changed {
            log(&self.published.borrow().state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Source> {
        // Each change is one assignment at the end of its work, so a panic leaves nothing half
        // done.
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(state: &State) {
    let names: Vec<String> = state
        .certificate
        .names
        .iter()
        .map(ToString::to_string)
        .collect();
    info!(
        own = state.is_own,
        names = names.join(" "),
        not_after = %Utc(state.certificate.validity.not_after),
        fingerprint = %state.certificate.fingerprint,
        "Presenting a server certificate"
    );
}
