//! The three kinds of certificate made here: a CA, a CA vouched for by another, a server's.
//!
//! Owns what each of them says (RFC 5280, section 4.2). Knows no files and no clock. Invariants: a
//! CA may sign one CA below it, which is the cross certificate of its successor, and that one may
//! sign servers only; a server certificate is never a CA and lists the names it was asked for, no
//! more.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_lc_rs::{digest, rand};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::error::Error;
use crate::name::SubjectName;
use crate::validity::{Validity, calendar};

/// A CA that signs itself.
pub(super) fn root(key: &KeyPair, validity: Validity) -> Result<CertificateParams, Error> {
    authority(key, validity, 1)
}

/// The same CA, same name and key, to be signed by the one before it.
pub(super) fn cross(key: &KeyPair, validity: Validity) -> Result<CertificateParams, Error> {
    authority(key, validity, 0)
}

/// A server certificate for `names`.
pub(super) fn server(
    names: &BTreeSet<SubjectName>,
    validity: Validity,
) -> Result<CertificateParams, Error> {
    // Two words on purpose: a verifier that still reads names from here must find none.
    let mut params = common("Roadstead server", validity)?;
    params.subject_alt_names = names.iter().map(alternative).collect::<Result<_, _>>()?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn authority(key: &KeyPair, validity: Validity, below: u8) -> Result<CertificateParams, Error> {
    let mut params = common(&subject(key), validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// A name of its own for each CA, free of any host: verifiers choose an issuer by its subject, and
/// two authorities that overlap must not be mistaken for each other.
fn subject(key: &KeyPair) -> String {
    let digest = digest::digest(&digest::SHA256, &key.subject_public_key_info());
    let id = digest.as_ref()[..6]
        .iter()
        .fold(0, |id, byte| id << 8 | u64::from(*byte));
    format!("Roadstead CA {id:012x}")
}

fn common(subject: &str, validity: Validity) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    params.serial_number = Some(serial()?);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// 126 random bits: positive, of fixed length, and never repeated under one issuer (RFC 5280,
/// section 4.1.2.2).
fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(Error::generate)?;
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn date(moment: SystemTime) -> Result<OffsetDateTime, Error> {
    calendar(moment).ok_or(Error::Date { moment })
}

fn alternative(name: &SubjectName) -> Result<SanType, Error> {
    match name.as_ip() {
        Some(address) => Ok(SanType::IpAddress(address)),
        None => name
            .to_string()
            .try_into()
            .map(SanType::DnsName)
            .map_err(Error::generate),
    }
}
