//! The workbench of these tests: a directory, a clock, names, and handshakes in memory.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::future::ready;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roadstead_certs::{
    Authority, Config, Details, Error, OwnCertificate, ServerTls, SubjectName, Trust,
    client_config, describe, rotation,
};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConnection, ConnectionCommon, ServerConnection};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tempfile::TempDir;

pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// The moment at which every test begins.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_900_000_000)
}

pub(crate) fn names<const N: usize>(texts: [&str; N]) -> BTreeSet<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A data directory that is gone after the test.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn certs(&self) -> PathBuf {
        self.path("certs")
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority::open_or_create(&self.certs(), now()).unwrap()
    }

    /// A server of one name, without a certificate of the administrator's.
    pub(crate) fn tls(&self, now: SystemTime) -> Arc<ServerTls> {
        Arc::new(self.try_tls(None, now).unwrap())
    }

    pub(crate) fn try_tls(
        &self,
        own: Option<OwnCertificate>,
        now: SystemTime,
    ) -> Result<ServerTls, Error> {
        let config = Config {
            dir: self.certs(),
            names: names(["registry.example"]),
            own,
        };
        ServerTls::open(config, now)
    }

    /// Writes a certificate of some other CA for `registry.example` as an administrator would.
    pub(crate) fn own(&self, issued_at: SystemTime) -> OwnCertificate {
        let dir = self.path("elsewhere");
        let foreign = Authority::open_or_create(&dir, issued_at).unwrap();
        let issued = foreign
            .issue(&names(["registry.example"]), issued_at)
            .unwrap();
        let own = OwnCertificate {
            cert: self.path("tls.crt"),
            key: self.path("tls.key"),
        };
        put(&own.cert, &issued.chain_pem(), 0o644);
        put(&own.key, &issued.key_pem(), 0o600);
        own
    }
}

/// Writes a file as someone else would: not through the crate.
pub(crate) fn put(path: &Path, text: &str, mode: u32) {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    chmod(path, mode);
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Lets the looking-after take exactly one look, at `now`.
pub(crate) async fn look(tls: &Arc<ServerTls>, now: SystemTime) {
    rotation::run(Arc::clone(tls), Arc::new(move || now), ready(())).await;
}

/// Connects a client that trusts `trust` and asks for `name`, and says what chain it was shown.
pub(crate) fn connect(
    tls: &ServerTls,
    trust: &str,
    name: &str,
    now: SystemTime,
) -> Result<Vec<CertificateDer<'static>>, rustls::Error> {
    let mut client = client(trust, name, now);
    let mut server = ServerConnection::new(tls.config()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut client, &mut server)?;
        pass(&mut server, &mut client)?;
    }
    Ok(client.peer_certificates().unwrap().to_vec())
}

/// What the certificate shown in a successful handshake says.
#[track_caller]
pub(crate) fn seen(tls: &ServerTls, trust: &str, now: SystemTime) -> Details {
    leaf(&connect(tls, trust, "registry.example", now).unwrap())
}

pub(crate) fn client(trust: &str, name: &str, now: SystemTime) -> ClientConnection {
    let mut config = client_config(Trust::from_pem(trust).unwrap()).unwrap();
    config.time_provider = Arc::new(At(now));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// Carries what one side has to say over to the other.
pub(crate) fn pass<A, B>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

/// What the first certificate of a chain says.
pub(crate) fn leaf(chain: &[CertificateDer<'_>]) -> Details {
    let body = STANDARD.encode(&chain[0]);
    let text = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    describe(&text).unwrap().remove(0)
}

#[derive(Debug)]
struct At(SystemTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap();
        Some(UnixTime::since_unix_epoch(since))
    }
}
