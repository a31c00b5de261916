//! What the scripts are written with: upstreams of ours for upstreams of the harness.

use std::error::Error as StdError;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use harness::{Format, Image, Upstream};
use roadstead_mirror::{
    BlobStream, Client, Credentials, Error, Fetched, HostPattern, Patience, Proxies, Timeouts,
};
use roadstead_storage::oci::{Digest, Reference, RepoName};
use rustls::{ClientConfig, RootCertStore};

/// Far more than loopback takes, and little enough to wait for.
pub(crate) const SOON: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    idle: Duration::from_secs(5),
};

/// What a test waits for to run out.
pub(crate) const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(200),
    answer: Duration::from_millis(200),
    idle: Duration::from_millis(400),
};

/// An upstream at these URLs, in order: no login, no proxy, nobody's certificates.
pub(crate) fn at<const N: usize>(urls: [&str; N]) -> roadstead_mirror::Upstream {
    roadstead_mirror::Upstream {
        name: "upstream".to_owned(),
        locations: urls.map(|url| url.parse().unwrap()).into(),
        credentials: Credentials::default(),
        tls: trusting_nobody(),
        proxies: Proxies::none(),
        token_hosts: Vec::new(),
        redirect_hosts: Vec::new(),
        max_connections: 8,
        timeouts: SOON,
    }
}

/// A client of an upstream with nothing particular about it.
pub(crate) fn client(upstream: &Upstream) -> Client {
    Client::new(&at([&upstream.url()]))
}

/// The password of ann for this host.
pub(crate) fn password(host: &str, password: &str) -> Credentials {
    entry(
        host,
        &format!(r#"{{"username":"ann","password":"{password}"}}"#),
    )
}

/// An identity token for this host.
pub(crate) fn identity(host: &str, token: &str) -> Credentials {
    entry(host, &format!(r#"{{"identitytoken":"{token}"}}"#))
}

fn entry(host: &str, entry: &str) -> Credentials {
    Credentials::parse(&format!(r#"{{"auths":{{"{host}":{entry}}}}}"#)).unwrap()
}

/// These hosts, listed.
pub(crate) fn hosts<const N: usize>(hosts: [&str; N]) -> Vec<HostPattern> {
    hosts.map(|host| host.parse().unwrap()).into()
}

/// The repository of most scripts.
pub(crate) fn repo() -> RepoName {
    "a/b".parse().unwrap()
}

/// A tag.
pub(crate) fn tag(name: &str) -> Reference {
    name.parse().unwrap()
}

/// A digest of the harness as the product knows it.
pub(crate) fn known(digest: &harness::Digest) -> Digest {
    digest.as_str().parse().unwrap()
}

/// A small image that is unlike those of other texts.
pub(crate) fn image(text: &str) -> Image {
    Image::new(Format::Oci, text)
}

/// Reads a manifest by its tag.
pub(crate) async fn manifest(client: &Client, name: &str) -> Result<Fetched, Error> {
    by(client, &tag(name)).await
}

/// Reads a manifest by its tag or its digest.
pub(crate) async fn by(client: &Client, reference: &Reference) -> Result<Fetched, Error> {
    client.manifest(&repo(), reference, Patience::Request).await
}

/// Asks what a tag names.
pub(crate) async fn named(client: &Client, name: &str) -> Result<Option<Digest>, Error> {
    client
        .manifest_digest(&repo(), &tag(name), Patience::Request)
        .await
}

/// Asks for a blob from this byte on.
pub(crate) async fn blob(client: &Client, digest: Digest, from: u64) -> Result<BlobStream, Error> {
    client.blob(&repo(), digest, from, Patience::Request).await
}

/// Reads a blob to its end, or to what keeps it from coming.
pub(crate) async fn read(mut stream: BlobStream) -> (Vec<u8>, Option<Error>) {
    let mut read = Vec::new();
    loop {
        match stream.next().await {
            Ok(Some(bytes)) => read.extend_from_slice(&bytes),
            Ok(None) => return (read, None),
            Err(error) => return (read, Some(error)),
        }
    }
}

/// All that a failure says, down to its last cause.
pub(crate) fn told(error: &Error) -> String {
    let first: &(dyn StdError + 'static) = error;
    let causes = iter::successors(Some(first), |error| (*error).source());
    let told: Vec<_> = causes.map(ToString::to_string).collect();
    told.join(": ")
}

/// Insists that a failure shows none of these, in no form that a log could take.
#[track_caller]
pub(crate) fn hides(error: &Error, secrets: &[&str]) {
    let shown = format!("{} {error:?}", told(error));
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is in: {shown}");
    }
}

fn trusting_nobody() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}
