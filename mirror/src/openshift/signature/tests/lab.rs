//! Keys and signed messages, made as a test wants them: also such as no honest program makes.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use pgp::composed::{KeyType, SecretKeyParamsBuilder, SubkeyParamsBuilder};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, OnePassSignature, PacketTrait, SecretKey, SecretSubkey, Signature, SignatureConfig,
    SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{
    Duration as Length, KeyVersion, PacketHeaderVersion, Password, SigningKey, Tag, Timestamp,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use roadstead_storage::oci::Digest;

use crate::openshift::signature::{Keyring, Unverified, Verified, verify};

pub(super) const DAY: u32 = 24 * 60 * 60;
/// When the keys of tests were made,
pub(super) const BORN: u32 = 1_600_000_000;
/// something was signed with them,
pub(super) const SIGNED: u32 = 1_700_000_000;
/// and somebody looks at it.
pub(super) const NOW: u32 = 1_750_000_000;

pub(super) const WANTED: &str =
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

pub(super) fn time(seconds: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into())
}

/// What is signed.
pub(super) fn statement() -> String {
    format!(
        r#"{{"critical":{{"image":{{"docker-manifest-digest":"{WANTED}"}},"type":"atomic container signature","identity":{{"docker-reference":"quay.io/a/b:4.18.7-x86_64"}}}},"optional":{{"creator":"lab"}}}}"#
    )
}

/// An owner of keys, with what the certificate is to say.
pub(super) struct Owner {
    pub(super) key: SecretKey,
    pub(super) subkey: SecretSubkey,
    user: UserId,
}

impl Owner {
    pub(super) fn new(seed: u64) -> Self {
        Self::of(seed, KeyVersion::V4, KeyType::Ed25519Legacy)
    }

    /// One whose keys sign with any hash; the others refuse to.
    pub(super) fn careless() -> &'static Self {
        static OWNER: LazyLock<Owner> =
            LazyLock::new(|| Owner::of(3, KeyVersion::V4, KeyType::Rsa(2048)));
        &OWNER
    }

    pub(super) fn of(seed: u64, version: KeyVersion, kind: KeyType) -> Self {
        let born = Timestamp::from_secs(BORN);
        let subkey = SubkeyParamsBuilder::default()
            .version(version)
            .key_type(kind.clone())
            .created_at(born)
            .can_sign(true)
            .build();
        let params = SecretKeyParamsBuilder::default()
            .version(version)
            .key_type(kind)
            .created_at(born)
            .can_certify(true)
            .can_sign(true)
            .primary_user_id("Owner <owner@example.com>".to_owned())
            .subkey(subkey.unwrap())
            .build();
        let rng = StdRng::seed_from_u64(seed);
        let mut made = params.unwrap().generate(rng).unwrap();
        Self {
            key: made.primary_key,
            subkey: made.secret_subkeys.remove(0).key,
            user: UserId::from_str(PacketHeaderVersion::New, "Owner <owner@example.com>").unwrap(),
        }
    }

    /// A certificate that may sign for ever, by its primary key.
    pub(super) fn plain(&self) -> Vec<u8> {
        self.certificate(&[], &[self.certify(BORN, vec![flags(true)])], &[])
    }

    /// A certificate of these signatures: on the key, on its user's name, and on its subkey.
    pub(super) fn certificate(
        &self,
        direct: &[Signature],
        user: &[Signature],
        subkey: &[Signature],
    ) -> Vec<u8> {
        let mut bytes = packet(self.key.public_key());
        bytes.extend(direct.iter().flat_map(packet));
        bytes.extend(packet(&self.user));
        bytes.extend(user.iter().flat_map(packet));
        if !subkey.is_empty() {
            bytes.extend(packet(self.subkey.public_key()));
            bytes.extend(subkey.iter().flat_map(packet));
        }
        bytes
    }

    /// What the owner says of the key along with the name, at some time.
    pub(super) fn certify(&self, at: u32, said: Vec<SubpacketData>) -> Signature {
        self.certify_as(SignatureType::CertPositive, at, said, |_| {})
    }

    pub(super) fn certify_as(
        &self,
        kind: SignatureType,
        at: u32,
        said: Vec<SubpacketData>,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> Signature {
        let config = config(&self.key, kind, at, said, change);
        let public = self.key.public_key();
        let (user, none) = (&self.user, Password::empty());
        config
            .sign_certification(&self.key, public, &none, Tag::UserId, user)
            .unwrap()
    }

    /// What the owner says of the key itself, at some time.
    pub(super) fn about_key(
        &self,
        kind: SignatureType,
        at: u32,
        said: Vec<SubpacketData>,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> Signature {
        let config = config(&self.key, kind, at, said, change);
        let public = self.key.public_key();
        config
            .sign_key(&self.key, &Password::empty(), public)
            .unwrap()
    }

    /// What the owner says of the subkey, at some time.
    pub(super) fn about_subkey(
        &self,
        kind: SignatureType,
        at: u32,
        said: Vec<SubpacketData>,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> Signature {
        let config = config(&self.key, kind, at, said, change);
        let (public, subkey) = (self.key.public_key(), self.subkey.public_key());
        config
            .sign_subkey_binding(&self.key, public, &Password::empty(), subkey)
            .unwrap()
    }

    /// What the subkey says to belong to: the key of `owner`.
    pub(super) fn back(
        &self,
        owner: &Self,
        change: impl FnOnce(&mut SignatureConfig),
    ) -> SubpacketData {
        let kind = SignatureType::KeyBinding;
        let config = config(&self.subkey, kind, BORN, Vec::new(), change);
        let (subkey, none) = (self.subkey.public_key(), Password::empty());
        let signature = config
            .sign_primary_key_binding(&self.subkey, subkey, &none, owner.key.public_key())
            .unwrap();
        SubpacketData::EmbeddedSignature(Box::new(signature))
    }

    /// The statement, signed by the primary key.
    pub(super) fn signed(&self) -> Vec<u8> {
        message(statement().as_bytes(), &[sign(&self.key, SIGNED)])
    }
}

pub(super) fn flags(may_sign: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(may_sign);
    SubpacketData::KeyFlags(flags)
}

pub(super) fn key_lasts(seconds: u32) -> SubpacketData {
    SubpacketData::KeyExpirationTime(Length::from_secs(seconds))
}

pub(super) fn signature_lasts(seconds: u32) -> SubpacketData {
    SubpacketData::SignatureExpirationTime(Length::from_secs(seconds))
}

fn config(
    key: &impl SigningKey,
    kind: SignatureType,
    at: u32,
    said: Vec<SubpacketData>,
    change: impl FnOnce(&mut SignatureConfig),
) -> SignatureConfig {
    let rng = StdRng::seed_from_u64(at.into());
    let mut config = SignatureConfig::from_key(rng, key, kind).unwrap();
    let always = [
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(at)),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ];
    let said = always.into_iter().chain(said);
    config.hashed_subpackets = said.map(|said| Subpacket::regular(said).unwrap()).collect();
    change(&mut config);
    config
}

/// With a hash that somebody has broken.
pub(super) fn weakly(config: &mut SignatureConfig) {
    config.hash_alg = HashAlgorithm::Sha1;
}

/// A signature over the statement.
pub(super) fn sign(key: &impl SigningKey, at: u32) -> Signature {
    sign_with(key, at, Vec::new(), |_| {})
}

pub(super) fn sign_with(
    key: &impl SigningKey,
    at: u32,
    said: Vec<SubpacketData>,
    change: impl FnOnce(&mut SignatureConfig),
) -> Signature {
    sign_over(
        key,
        statement().as_bytes(),
        config(key, SignatureType::Binary, at, said, change),
    )
}

pub(super) fn sign_over(key: &impl SigningKey, body: &[u8], config: SignatureConfig) -> Signature {
    config.sign(key, &Password::empty(), body).unwrap()
}

/// A message with these signatures behind the text, and announced before it.
pub(super) fn message(body: &[u8], signatures: &[Signature]) -> Vec<u8> {
    let announced = signatures.iter().rev().flat_map(announce);
    let given = signatures.iter().flat_map(packet);
    announced.chain(literal(body)).chain(given).collect()
}

/// What announces a signature.
pub(super) fn announce(signature: &Signature) -> Vec<u8> {
    let config = signature.config().unwrap();
    let id = signature.issuer_fingerprint()[0].as_bytes()[12..].to_vec();
    let id: [u8; 8] = id[..8].try_into().unwrap();
    packet(&OnePassSignature::v3(
        config.typ,
        config.hash_alg,
        config.pub_alg,
        id.into(),
    ))
}

/// A text, as a packet of a binary file without a name.
pub(super) fn literal(body: &[u8]) -> Vec<u8> {
    framed(11, &[b"b\0\0\0\0\0", body].concat())
}

/// Bytes as a packet of this kind.
pub(super) fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | kind, 255][..], &length, body].concat()
}

/// A packet with its header.
pub(super) fn packet(packet: &impl PacketTrait) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.to_writer_with_header(&mut bytes).unwrap();
    bytes
}

/// A message compressed as `GnuPG` does it unless it is told otherwise, without an end that were known.
pub(super) fn deflated(message: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(vec![0xa3, 1], Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlibbed(message: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(vec![2], Compression::best());
    encoder.write_all(message).unwrap();
    framed(8, &encoder.finish().unwrap())
}

pub(super) fn keyring(files: &[Vec<u8>]) -> Keyring {
    let files: Vec<_> = files.iter().map(|file| ("key", file)).collect();
    Keyring::parse(&files).unwrap()
}

/// What becomes of a message where the keys in `files` are trusted.
pub(super) fn outcome(message: &[u8], files: &[Vec<u8>]) -> Result<Verified, Unverified> {
    let wanted: Digest = WANTED.parse().unwrap();
    verify(message, &wanted, &keyring(files), time(NOW))
}
