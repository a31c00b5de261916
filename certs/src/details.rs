//! What a certificate says about itself, for people and for the decisions of this crate.
//!
//! The only file that reads X.509 back. Knows nothing of keys or files, and verifies no signature.
//! Invariant: text taken from a certificate holds no control characters, whoever made it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Name;

use crate::error::Error;
use crate::name::SubjectName;
use crate::pem;
use crate::validity::{Validity, moment};

/// What one certificate says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Details {
    /// Whom it is for, as `CN=...`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The alternative names that are DNS names or addresses; other kinds are left out.
    pub names: BTreeSet<SubjectName>,
    /// When it holds.
    pub validity: Validity,
    /// SHA-256 of the whole certificate.
    pub fingerprint: Fingerprint,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
}

/// The SHA-256 of a certificate, printed as openssl prints it: `AB:CD:...`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

/// Describes every certificate of a PEM text, in its order.
///
/// # Errors
///
/// [`Error::ParsePem`] or [`Error::ParseCertificate`] for the first section that is malformed.
pub fn describe(text: &str) -> Result<Vec<Details>, Error> {
    pem::parse_certificates(text.as_bytes())?
        .iter()
        .map(Details::of)
        .collect()
}

impl Details {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|source| {
            Error::ParseCertificate {
                source: Box::new(source),
            }
        })?;
        Ok(Self {
            subject: printable(parsed.subject()),
            issuer: printable(parsed.issuer()),
            names: names(&parsed)?,
            validity: Validity {
                not_before: moment(parsed.validity().not_before.timestamp()),
                not_after: moment(parsed.validity().not_after.timestamp()),
            },
            fingerprint: Fingerprint::of(certificate),
            is_authority: parsed.is_ca(),
        })
    }
}

impl Fingerprint {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = digest::digest(&digest::SHA256, certificate);
        Self(
            digest
                .as_ref()
                .try_into()
                .expect("a SHA-256 digest has 32 bytes"),
        )
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

fn names(certificate: &X509Certificate<'_>) -> Result<BTreeSet<SubjectName>, Error> {
    let extension =
        certificate
            .subject_alternative_name()
            .map_err(|source| Error::ParseCertificate {
                source: Box::new(source),
            })?;
    let listed = extension.map_or(&[][..], |san| &san.value.general_names);
    Ok(listed.iter().filter_map(name).collect())
}

fn name(general: &GeneralName<'_>) -> Option<SubjectName> {
    match general {
        GeneralName::DNSName(name) => name.parse().ok(),
        GeneralName::IPAddress(octets) => address(octets)?.try_into().ok(),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// A distinguished name that can't break a line of a log or a terminal.
fn printable(name: &X509Name<'_>) -> String {
    name.to_string()
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
