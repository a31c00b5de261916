//! The ES256 pair that signs login tokens.
//!
//! Owns `token.key`, made once and kept, so that tokens outlive a restart. Knows nothing of JWT: it
//! hands out the halves in the forms a JWT library takes. Invariant: the private half leaves only
//! through [`TokenKey::signing_key_pkcs8`], and the type can be neither cloned nor printed.

use std::path::Path;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::Error;
use crate::pem::KeyDir;

const FILE: &str = "token.key";

/// The key pair (P-256) that signs and verifies tokens.
pub struct TokenKey {
    pkcs8: PrivateKeyDer<'static>,
    public_point: Vec<u8>,
    id: String,
}

impl TokenKey {
    /// Opens the key in `dir`, or makes one (and the directory, 0700) if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it is there but damaged, of another kind, or open to everyone.
    pub fn open_or_create(dir: &Path) -> Result<Self, Error> {
        let dir = KeyDir::create(dir)?;
        if let Some(bundle) = dir.load(FILE)? {
            return Self::new(bundle.key).map_err(|error| error.in_file(&dir.file(FILE)));
        }
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(Error::generate)?;
        let key = PrivatePkcs8KeyDer::from(pair.as_ref().to_vec());
        dir.save(FILE, &key, &[])?;
        Self::new(key.into())
    }

    /// The private half as PKCS#8 DER, for whoever signs tokens.
    pub fn signing_key_pkcs8(&self) -> &[u8] {
        self.pkcs8.secret_der()
    }

    /// The public half as an uncompressed point (SEC 1, section 2.3.3), for whoever verifies
    /// tokens.
    pub fn public_point(&self) -> &[u8] {
        &self.public_point
    }

    /// The key's name in a token's `kid`: its JWK thumbprint (RFC 7638).
    pub fn id(&self) -> &str {
        &self.id
    }

    fn new(pkcs8: PrivateKeyDer<'static>) -> Result<Self, Error> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.secret_der())
            .map_err(|source| Error::KeyRejected {
            source: Box::new(source),
        })?;
        let public_point = pair.public_key().as_ref().to_vec();
        Ok(Self {
            id: thumbprint(&public_point),
            public_point,
            pkcs8,
        })
    }
}

fn thumbprint(public_point: &[u8]) -> String {
    // One byte says "uncompressed", then both coordinates in equal halves.
    let (x, y) = public_point[1..].split_at(public_point.len() / 2);
    // RFC 7638, section 3.2: the required members only, sorted, without spaces.
    let jwk = format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(x),
        URL_SAFE_NO_PAD.encode(y)
    );
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes()))
}
