//! What there is in a round, and those who ask for it: for any of it, in any way, as often as they can.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use harness::{Chance, Client, Digest, Format, Image, Noise, Session, Upstream};
use http::Method;

const REPOSITORIES: u64 = 4;
/// Of each repository, of which a tag names one at a time.
pub(super) const VERSIONS: usize = 3;
/// The largest layer, in bytes.
pub(super) const LAYER: usize = 3 << 20;

/// What there is at the upstream, and how often it was had.
pub(super) struct World {
    repositories: Vec<(String, [Image; VERSIONS])>,
    /// How many answers came whole and right.
    pub(super) whole: AtomicUsize,
    /// How many did not.
    pub(super) refused: AtomicUsize,
}

impl World {
    /// What there is in this round, and in no other.
    pub(super) fn new(round: usize, chance: &mut Chance) -> Self {
        let seed = 1000 * round as u64;
        // Below all of them, as it is with real images.
        let base = Noise::new(seed, 1 << 20).bytes();
        let mut image = |seed: u64| {
            let layer = Noise::new(seed, chance.below(LAYER) as u64 + 1);
            let config = format!("{{\"seed\":{seed}}}").into();
            Image::assemble(Format::Oci, config, vec![base.clone(), layer.bytes()])
        };
        let repository = |number: u64| {
            let name = format!("round-{round}/app-{number}");
            let seed = seed + 10 * number;
            let versions = std::array::from_fn(|version| image(seed + version as u64));
            (name, versions)
        };
        Self {
            repositories: (1..=REPOSITORIES).map(repository).collect(),
            whole: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// Has each tag name this version.
    pub(super) fn tag(&self, upstream: &Upstream, version: usize) {
        for (name, versions) in &self.repositories {
            upstream.put(name, "latest", &versions[version]);
        }
    }

    /// Has the upstream forget all of it.
    pub(super) fn forget(&self, upstream: &Upstream) {
        for (name, _) in &self.repositories {
            upstream.remove_repository(name);
        }
    }

    /// Asks for something, in some way.
    pub(super) fn ask(&self, client: &Client, session: &mut Session, chance: &mut Chance) {
        let (name, versions) = &self.repositories[chance.below(self.repositories.len())];
        let image = &versions[chance.below(VERSIONS)];
        let blob = match chance.below(3) {
            0 => &image.config,
            layer => &image.layers[layer - 1],
        };
        let below = format!("/v2/up.example/{name}");
        let blob_path = format!("{below}/blobs/{}", Digest::of(blob));
        match chance.below(6) {
            0 => {
                let path = format!("{below}/manifests/latest");
                let known = versions.iter().map(|image| &image.manifest.bytes);
                self.check(client, session, &path, &known.collect::<Vec<_>>());
            }
            1 => {
                let path = format!("{below}/manifests/{}", image.digest());
                self.check(client, session, &path, &[&image.manifest.bytes]);
            }
            2 => drop(hang_up(client, &blob_path)),
            3 => check_part(client, session, &blob_path, blob.len(), chance),
            _ => self.check(client, session, &blob_path, &[blob]),
        }
    }

    /// Asks for all of it.
    #[track_caller]
    pub(super) fn check_all(&self, client: &Client) {
        let mut session = Session::of(client);
        for (name, versions) in &self.repositories {
            let below = format!("/v2/up.example/{name}");
            for image in versions {
                let path = format!("{below}/manifests/{}", image.digest());
                self.check(client, &mut session, &path, &[&image.manifest.bytes]);
                for blob in image.layers.iter().chain([&image.config]) {
                    let path = format!("{below}/blobs/{}", Digest::of(blob));
                    self.check(client, &mut session, &path, &[blob]);
                }
            }
        }
    }

    /// What comes whole is one of these.
    #[track_caller]
    fn check(&self, client: &Client, session: &mut Session, path: &str, known: &[&Bytes]) {
        match client.request(Method::GET, path).over(session) {
            Ok(answer) if answer.status == 200 => {
                assert!(known.contains(&&answer.body), "other content: {answer}");
                let digest = Digest::of(&answer.body);
                assert_eq!(
                    answer.header("docker-content-digest"),
                    Some(digest.as_str())
                );
                self.whole.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => {
                let is_failure = matches!(answer.status.as_u16(), 404 | 429 | 502..=504);
                assert!(is_failure, "{answer}");
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            // Cut off, or nobody listens at the moment.
            Err(_) => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// Asks for a part, which is as long as it says. It cannot be hashed: while a fetch is under way it is what
/// has come.
#[track_caller]
fn check_part(
    client: &Client,
    session: &mut Session,
    path: &str,
    size: usize,
    chance: &mut Chance,
) {
    let from = chance.below(size);
    let to = from + chance.below(size - from);
    let request = client.request(Method::GET, path);
    let range = format!("bytes={from}-{to}");
    if let Ok(answer) = request.header("range", range).over(session)
        && answer.status == 206
    {
        assert_eq!(answer.body.len(), to + 1 - from, "{answer}");
    }
}

/// Asks, and is gone before it is answered. While the registry is down nobody hears that.
fn hang_up(client: &Client, path: &str) -> io::Result<()> {
    let address: SocketAddr = client.authority().parse().expect("an address");
    let mut stream = TcpStream::connect(address)?;
    let head = client.raw_headers();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{head}\r\n").as_bytes())?;
    stream.read_exact(&mut [0; 100])
}
