//! What the scripts are written with: an image in a repository of an upstream, and reading out of it.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::upstream::Asked;
use harness::{Digest, Format, Image, Noise, Subject, Upstream};
use roadstead_mirror::openshift::{Content, FileInfo, ReadError, file};
use roadstead_mirror::{Client, Credentials, Proxies, Timeouts};
use roadstead_storage::oci::{Manifest, Reference, RepoName};
use rustls::{ClientConfig, RootCertStore};
use tar::{Builder, Header};

/// The repository of the image.
pub(crate) const REPOSITORY: &str = "a/b";
/// How large the program in it is.
pub(crate) const LENGTH: u64 = 3_000_000;

/// An image that has one large program.
pub(crate) struct Lab {
    pub(crate) upstream: Upstream,
    pub(crate) program: Vec<u8>,
    pub(crate) layer: Digest,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let mut program = Vec::new();
        for chunk in Noise::new(3, LENGTH).chunks() {
            program.extend_from_slice(&chunk);
        }
        let mut header = Header::new_gnu();
        header.set_size(LENGTH);
        header.set_mode(0o755);
        header.set_mtime(7);
        let mut archive = Builder::new(Vec::new());
        let added = archive.append_data(&mut header, "usr/bin/oc", program.as_slice());
        added.expect("writes to memory");
        let archive = archive.into_inner().expect("writes to memory");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&archive).expect("writes to memory");
        let layer: Bytes = packed.finish().expect("writes to memory").into();
        let upstream = Upstream::start();
        let image = Image::assemble(Format::Oci, Bytes::from_static(b"{}"), vec![layer.clone()]);
        upstream.put(REPOSITORY, "1", &image);
        let layer = Digest::of(&layer);
        Self {
            upstream,
            program,
            layer,
        }
    }

    /// Where the image is, and its manifest.
    pub(crate) async fn image(&self) -> (Content, Arc<Manifest>) {
        let content = Content::Remote {
            client: client(&self.upstream),
            repo: name(REPOSITORY),
        };
        let tag: Reference = "1".parse().expect("a tag");
        let found = content.manifest(&tag).await.expect("it is read");
        (content, found.expect("it is there").1)
    }

    /// Reads the program out of it.
    pub(crate) async fn read(&self) -> Result<Vec<u8>, ReadError> {
        let (content, image) = self.image().await;
        let (info, bytes) = read(&content, &image, "/usr/bin/oc").await?;
        assert_eq!((info.size, info.modified), (LENGTH, 7));
        Ok(bytes)
    }

    /// The requests for its layer.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.upstream.asked().into_iter();
        asked
            .filter(|asked| is_for(asked, self.layer.as_str()))
            .collect()
    }
}

/// Reads a file.
pub(crate) async fn read(
    content: &Content,
    image: &Manifest,
    path: &str,
) -> Result<(FileInfo, Vec<u8>), ReadError> {
    let mut read = Vec::new();
    let info = file(content, image, path, |piece| {
        read.extend_from_slice(&piece);
        std::future::ready(io::Result::Ok(()))
    });
    let info = info.await?;
    Ok((info, read))
}

/// Whether a request is for this blob.
pub(crate) fn is_for(asked: &Asked, blob: &str) -> bool {
    matches!(asked.subject(), Subject::Blob(_, digest) if digest == blob)
}

pub(crate) fn name(text: &str) -> RepoName {
    text.parse().expect("a name")
}

fn client(upstream: &Upstream) -> Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Client::new(&roadstead_mirror::Upstream {
        name: "upstream".to_owned(),
        locations: vec![upstream.url().parse().expect("a URL")],
        credentials: Credentials::default(),
        tls: Arc::new(tls),
        proxies: Proxies::none(),
        token_hosts: Vec::new(),
        redirect_hosts: Vec::new(),
        max_connections: 8,
        timeouts: Timeouts {
            idle: Duration::from_secs(5),
            ..Timeouts::default()
        },
    })
}
