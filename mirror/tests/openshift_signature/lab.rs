//! What the scripts are written with: signature stores of the harness, and what is asked of them.

use std::error::Error as StdError;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness::{Fault, Reply, Upstream};
use roadstead_mirror::openshift::signature::{
    Collected, GivenSignature, Network, SignatureStore, collect,
};
use roadstead_mirror::{Proxies, Timeouts};
use roadstead_storage::oci::{Algorithm, Digest};
use rustls::{ClientConfig, RootCertStore};

pub(crate) fn release() -> Digest {
    Digest::of(Algorithm::Sha256, b"a release")
}

/// Where a store has its signatures.
const FOLDER: &str = "/some/path";

/// The path at which a signature of the release is asked for.
pub(crate) fn path(number: usize) -> String {
    format!("{FOLDER}/sha256={}/signature-{number}", release().hex())
}

/// Bytes that could be a signature: each begins as a packet of `OpenPGP` does.
pub(crate) fn signature(text: &str) -> Bytes {
    [b"\xa3", text.as_bytes()].concat().into()
}

/// An answer with a signature.
pub(crate) fn found(text: &str) -> Fault {
    Fault::Instead(Reply::new(200).body(signature(text)))
}

/// A store that answers with these, by the number of the signature, and has no more.
pub(crate) fn answering<const N: usize>(answers: [Fault; N]) -> Upstream {
    let store = Upstream::start();
    answer(&store, answers);
    store
}

/// Lets a store answer with these, by the number of the signature, and have no more.
pub(crate) fn answer<const N: usize>(store: &Upstream, answers: [Fault; N]) {
    store.when(move |asked| {
        let of_number = (1..).zip(&answers);
        let mut of_number = of_number.filter(|(number, _)| asked.path() == path(*number));
        let answer = of_number.next().map(|(_, answer)| answer.clone());
        answer.or_else(|| Some(Fault::status(404)))
    });
}

/// A store that has these signatures.
pub(crate) fn having<const N: usize>(texts: [&str; N]) -> Upstream {
    answering(texts.map(found))
}

/// By which way stores are reached: no proxy, nobody's certificates, and little patience.
pub(crate) fn network() -> Network {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Network {
        tls: Arc::new(config),
        proxies: Proxies::none(),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(5),
            idle: Duration::from_secs(5),
        },
    }
}

/// Who gives up soon.
pub(crate) fn impatient() -> Network {
    let soon = Duration::from_millis(200);
    Network {
        timeouts: Timeouts {
            connect: soon,
            answer: soon,
            idle: soon,
        },
        ..network()
    }
}

pub(crate) fn on_web(url: &str, network: &Network) -> SignatureStore {
    SignatureStore::on_web(format!("{url}{FOLDER}").parse().unwrap(), network)
}

pub(crate) fn given(release: Digest, number: u8, text: &str) -> GivenSignature {
    GivenSignature {
        release,
        number,
        bytes: signature(text),
    }
}

/// Collects from these stores of the harness.
pub(crate) async fn collect_from<const N: usize>(stores: [&Upstream; N]) -> Collected {
    let network = network();
    let stores = stores.map(|store| on_web(&store.url(), &network));
    collect(&stores, Vec::new(), &release()).await
}

/// Insists on what was found.
#[track_caller]
pub(crate) fn check<const N: usize>(collected: &Collected, expected: [&str; N]) {
    let expected = expected.map(signature);
    assert_eq!(collected.signatures, expected, "{:?}", told(collected));
}

/// All that kept stores from answering.
pub(crate) fn told(collected: &Collected) -> Vec<String> {
    let failures = collected.failures.iter();
    failures
        .map(|failure| {
            let first: &(dyn StdError + 'static) = failure;
            let causes = iter::successors(Some(first), |error| (*error).source());
            let told: Vec<_> = causes.map(ToString::to_string).collect();
            told.join(": ")
        })
        .collect()
}

/// The paths that a store was asked for.
pub(crate) fn asked(store: &Upstream) -> Vec<String> {
    let asked = store.asked().into_iter();
    asked.map(|asked| asked.target).collect()
}
