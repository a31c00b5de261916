//! Where signatures of releases are found: on the web, or in files that somebody brought along.
//!
//! Owns which of them are taken. Nothing here says whether one is good. Invariant: what is taken is no
//! larger than a signature, and the same bytes are taken once, however many stores have them.

use std::fmt::{self, Debug, Formatter};

use bytes::Bytes;
use futures_util::future::join_all;
use roadstead_storage::oci::Digest;
use thiserror::Error;

use super::url::StoreUrl;
use super::web::{Answered, Network, Web};
use crate::error::Error;

/// The most signatures that a store on the web is asked for.
const MOST: u8 = 9;

/// A place where signatures of releases are found.
#[derive(Clone)]
pub struct SignatureStore(Kind);

#[derive(Clone)]
enum Kind {
    Given(Vec<GivenSignature>),
    Web(Box<Web>),
}

/// A signature that somebody brought along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenSignature {
    /// The release that it is for, as its name says.
    pub release: Digest,
    /// Its number.
    pub number: u8,
    /// Itself.
    pub bytes: Bytes,
}

/// What was found of the signatures of a release.
#[derive(Debug, Default)]
pub struct Collected {
    /// Those that were there already, then those of each store in its order.
    pub signatures: Vec<Bytes>,
    /// What kept stores from saying whether they have more.
    pub failures: Vec<StoreFailure>,
}

/// A store did not say whether it has a signature.
#[derive(Debug, Error)]
#[error("ask the signature store {store}")]
pub struct StoreFailure {
    /// Which.
    pub store: StoreUrl,
    /// What happened.
    #[source]
    pub source: Error,
}

impl SignatureStore {
    /// One on the web, which is asked by way of this network. Its URL is the administrator's, and may be of
    /// a private network; where it redirects to may not.
    pub fn on_web(url: StoreUrl, network: &Network) -> Self {
        Self(Kind::Web(Box::new(Web::new(url, network))))
    }

    /// One that was brought along.
    pub fn given(mut signatures: Vec<GivenSignature>) -> Self {
        signatures.sort_by_key(|given| given.number);
        Self(Kind::Given(signatures))
    }

    /// All that it has of a release.
    async fn find(&self, release: &Digest) -> Collected {
        match &self.0 {
            Kind::Given(given) => {
                let of_release = given.iter().filter(|given| given.release == *release);
                Collected {
                    signatures: of_release.map(|given| given.bytes.clone()).collect(),
                    failures: Vec::new(),
                }
            }
            Kind::Web(web) => find_on_web(web, release).await,
        }
    }
}

/// Shows where it is, and of what was brought along only how much.
impl Debug for SignatureStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Given(given) => write!(f, "{} signatures", given.len()),
            Kind::Web(web) => write!(f, "{}", web.url()),
        }
    }
}

/// Collects all signatures of a release, beginning with those that are `held`. All stores are asked at the
/// same time.
///
/// # Cancel safety
/// Dropped, all questions are given up.
pub async fn collect(stores: &[SignatureStore], held: Vec<Bytes>, release: &Digest) -> Collected {
    let mut collected = Collected {
        signatures: held,
        failures: Vec::new(),
    };
    for found in join_all(stores.iter().map(|store| store.find(release))).await {
        for signature in found.signatures {
            if !collected.signatures.contains(&signature) {
                collected.signatures.push(signature);
            }
        }
        collected.failures.extend(found.failures);
    }
    collected
}

/// Asks for one after the other until one is not there. One that fails says nothing of the next; a store
/// that cannot be reached does.
async fn find_on_web(web: &Web, release: &Digest) -> Collected {
    let mut found = Collected::default();
    for number in 1..=MOST {
        let (failure, is_over) = match web.ask(release, number).await {
            Answered::Found(bytes) => {
                found.signatures.push(bytes);
                continue;
            }
            Answered::NotThere => break,
            Answered::Failed(failure) => (failure, false),
            Answered::Unreachable(failure) => (failure, true),
        };
        found.failures.push(StoreFailure {
            store: web.url().clone(),
            source: failure,
        });
        if is_over {
            break;
        }
    }
    found
}
