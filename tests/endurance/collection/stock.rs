//! What lies in the store while it is measured: some thousand images that share their layers.

use std::thread;

use bytes::Bytes;
use harness::{Chance, Client, Digest, Format, Image, Noise, Registry, Session, Truth};
use http::Method;

/// Where the layers come from.
pub(super) const LAYERS: &str = "layers";
/// Repositories, and images of each.
const REPOSITORIES: usize = 20;
const IMAGES: usize = 150;
/// Layers that all images share, and the bytes of each.
const SHARED: u64 = 8;
const LAYER: u64 = 16 * 1024;

/// Images that stay.
pub(super) struct Stock {
    layers: Vec<Bytes>,
    images: Vec<(String, Image)>,
}

impl Stock {
    /// Pushes all of it, several repositories at a time.
    pub(super) fn push(registry: &Registry) -> Self {
        let layers: Vec<_> = (0..SHARED)
            .map(|seed| Noise::new(seed, LAYER).bytes())
            .collect();
        let base = Image::assemble(Format::Oci, Bytes::from_static(b"{}"), layers.clone());
        base.push(&registry.plain(), LAYERS, "all").expect(201);
        let mut stock = Self {
            layers,
            images: Vec::new(),
        };
        for repository in 0..REPOSITORIES {
            for number in 0..IMAGES {
                let name = format!("stock/r{repository}");
                let image = stock.image(&format!("{repository}/{number}"));
                stock.images.push((name, image));
            }
        }
        let client = registry.plain();
        thread::scope(|scope| {
            for images in stock.images.chunks(IMAGES) {
                let mut pusher = Pusher::new(&client);
                scope.spawn(move || {
                    for (name, image) in images {
                        pusher.push(name, image);
                    }
                });
            }
        });
        stock
    }

    /// An image with a configuration of its own and all layers.
    pub(super) fn image(&self, text: &str) -> Image {
        let config = Bytes::from(format!("{{\"os\":\"linux\",\"architecture\":\"{text}\"}}"));
        Image::assemble(Format::Oci, config, self.layers.clone())
    }

    /// One of the layers.
    pub(super) fn layer(&self, chance: &mut Chance) -> Digest {
        let layer = chance.pick(self.layers.iter());
        Digest::of(layer.expect("there are some"))
    }

    /// One of the images, and its repository.
    pub(super) fn some(&self, chance: &mut Chance) -> &(String, Image) {
        chance.pick(self.images.iter()).expect("there are some")
    }

    /// Insists that all of it is still there.
    #[track_caller]
    pub(super) fn check(&self, truth: &Truth) {
        for (name, image) in &self.images {
            let manifests = &truth.repositories[name].manifests;
            assert!(
                manifests.contains_key(&image.digest()),
                "{name}: an image is gone"
            );
        }
    }
}

/// Pushes images whose layers are mounted.
pub(super) struct Pusher<'a> {
    client: &'a Client,
    session: Session,
}

impl<'a> Pusher<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            client,
            session: Session::of(client),
        }
    }

    /// Pushes an image, untagged.
    #[track_caller]
    pub(super) fn push(&mut self, repository: &str, image: &Image) {
        let Self { client, session } = self;
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        for layer in &image.layers {
            let path = format!("{uploads}?mount={}&from={LAYERS}", Digest::of(layer));
            let mounted = client.request(Method::POST, path).over(session);
            mounted.expect("an answer").expect(201);
        }
        let path = format!("{uploads}?digest={}", Digest::of(&image.config));
        let request = client.request(Method::POST, path).octets();
        let pushed = request.body(&image.config).over(session);
        pushed.expect("an answer").expect(201);
        let path = format!("/v2/{repository}/manifests/{}", image.digest());
        let request = client.request(Method::PUT, path);
        let request = request.header("content-type", &image.manifest.media_type);
        let put = request.body(&image.manifest.bytes).over(session);
        put.expect("an answer").expect(201);
    }

    /// Deletes it again.
    #[track_caller]
    pub(super) fn delete(&mut self, repository: &str, image: &Image) {
        let path = format!("/v2/{repository}/manifests/{}", image.digest());
        let deleted = self.client.request(Method::DELETE, path);
        let deleted = deleted.over(&mut self.session);
        deleted.expect("an answer").expect(202);
    }
}
