//! The certificate a listener presents, looked at as a stranger would.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::ClientConnection;
use rustls_pki_types::ServerName;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::transport::trusting;

/// What a server showed in one handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The DNS names and addresses that its certificate is for.
    pub names: BTreeSet<String>,
    /// The serial number of its certificate.
    pub serial: String,
    /// When its certificate begins and ends, in seconds since 1970.
    pub validity: (i64, i64),
    /// Whether its certificate may sign others.
    pub is_ca: bool,
    /// The protocol that was agreed on, if any was offered.
    pub protocol: Option<String>,
}

impl Peer {
    /// Shakes hands with the listener at `address`, calling it `name`, trusting only this PEM and
    /// offering these protocols.
    ///
    /// # Errors
    ///
    /// When the connection fails or the certificate is not to be trusted.
    pub fn meet(
        address: SocketAddr,
        name: &str,
        trust: &[u8],
        protocols: &[&str],
    ) -> io::Result<Self> {
        let mut config = trusting(trust);
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::new(config), name);
        let mut session = session.map_err(io::Error::other)?;
        let mut tcp = TcpStream::connect(address)?;
        session.complete_io(&mut tcp)?;
        Ok(Self::of(&session))
    }

    fn of(session: &ClientConnection) -> Self {
        let chain = session
            .peer_certificates()
            .expect("a server that was authenticated");
        let (_, certificate) = X509Certificate::from_der(&chain[0]).expect("a certificate");
        let names = certificate
            .subject_alternative_name()
            .expect("at most one such extension");
        let names = names.map_or(BTreeSet::new(), |names| {
            names.value.general_names.iter().map(written).collect()
        });
        let validity = certificate.validity();
        Self {
            names,
            serial: certificate.raw_serial_as_string(),
            validity: (
                validity.not_before.timestamp(),
                validity.not_after.timestamp(),
            ),
            is_ca: certificate.is_ca(),
            protocol: session
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
        }
    }
}

/// A name as people write it.
fn written(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
            v4.or(v6).expect("four bytes or sixteen").to_string()
        }
        other => format!("{other:?}"),
    }
}
