//! One of several clients: does something at random, and knows what it must find.
//!
//! Tags belong to all: what was seen of them is noted and judged later. An image belongs to the client that
//! pushed it, and is there until that client deletes it. A blob that it was told of is there as long as
//! the promise holds, or an image of its own needs it, unless somebody takes the link away.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference};
use roadstead_storage::{Error, Target};

use crate::common::{alice, image, push_blob, put, repo, tag};
use crate::random::Random;
use crate::register::{Did, Event, Saw};
use crate::world::{BLOBS, Link, REPOSITORIES, Register, Since, TAGS, World, content};

/// How many images a client keeps; then it deletes more than it pushes.
const IMAGES: usize = 4;

/// An image that a client pushed and did not delete.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) repository: usize,
    pub(crate) manifest: Manifest,
    pub(crate) digest: Digest,
    pub(crate) subject: Option<Digest>,
    /// Its blob, and since when the repository has it; not if it was missing.
    pub(crate) layer: Option<(Link, Since)>,
}

/// How many promises a client remembers.
const PROMISES: usize = 24;

/// What a client does, and what it knows.
#[derive(Debug)]
pub(crate) struct Client {
    id: usize,
    random: Random,
    pushed: u64,
    pub(crate) images: Vec<Image>,
    /// What it was told of last, the newest at the end.
    promises: VecDeque<(Link, Since)>,
    pub(crate) seen: Vec<(Register, Event<Digest>)>,
}

impl Client {
    pub(crate) fn new(id: usize, seed: u64) -> Self {
        Self {
            id,
            random: Random::new(seed.wrapping_add(id as u64)),
            pushed: 0,
            images: Vec::new(),
            promises: VecDeque::new(),
            seen: Vec::new(),
        }
    }

    /// Does one thing.
    pub(crate) async fn act(&mut self, world: &World) {
        match self.random.below(100) {
            0..18 => self.push_blob(world).await,
            18..26 => self.mount(world).await,
            26..36 => self.ask_for_blob(world).await,
            36..46 => self.pull_blob(world).await,
            46..49 => self.unlink(world).await,
            49..51 => self.cancel(world).await,
            51..66 => self.push_image(world).await,
            66..82 => self.read_tag(world).await,
            82..87 => self.delete_tag(world).await,
            87..92 => self.pull_image(world).await,
            92..99 => self.delete_image(world).await,
            _ => self.live_alone(world).await,
        }
        if self.images.len() > IMAGES {
            self.delete_image(world).await;
        }
    }

    fn link(&mut self) -> Link {
        Link {
            repository: self.random.below(REPOSITORIES.len()),
            blob: self.random.below(BLOBS),
        }
    }

    /// More often than not one that it was told of.
    fn known_link(&mut self) -> Link {
        if self.promises.is_empty() || self.random.below(4) == 0 {
            return self.link();
        }
        let (link, _) = self.promises[self.random.below(self.promises.len())];
        link
    }

    fn remember(&mut self, link: Link, since: Since) {
        self.promises.push_back((link, since));
        if self.promises.len() > PROMISES {
            self.promises.pop_front();
        }
    }

    fn register(&mut self) -> Register {
        Register {
            repository: self.random.below(REPOSITORIES.len()),
            tag: self.random.below(TAGS.len()),
        }
    }

    async fn push_blob(&mut self, world: &World) {
        let link = self.link();
        let since = world.since(link);
        let (name, bytes) = (link.repo(), content(link.blob));
        if self.random.below(2) == 0 {
            push_blob(&world.store, &name, &bytes).await;
        } else {
            let (store, half) = (&world.store, bytes.len() / 2);
            let id = store.begin_upload(&name, &alice(), Algorithm::Sha256).await;
            let id = id.expect("begins");
            let upload = store.upload(&name, id, &alice()).await;
            let mut upload = upload.expect("is there");
            let part = Bytes::copy_from_slice(&bytes[..half]);
            upload.append(part).await.expect("takes bytes");
            upload.suspend().await.expect("is kept");
            let upload = store.upload(&name, id, &alice()).await;
            let mut upload = upload.expect("is there");
            assert_eq!(upload.offset(), half as u64);
            let part = Bytes::copy_from_slice(&bytes[half..]);
            upload.append(part).await.expect("takes bytes");
            upload.commit(link.digest()).await.expect("commits");
        }
        self.remember(link, since);
    }

    async fn mount(&mut self, world: &World) {
        let from = self.known_link();
        let link = Link {
            repository: self.random.below(REPOSITORIES.len()),
            ..from
        };
        let since = world.since(link);
        let there = world.store.repo(&link.repo());
        let mounted = there.mount(link.digest(), &from.repo()).await;
        if mounted.expect("mounts") {
            self.remember(link, since);
        } else {
            self.may_lack(world, from);
        }
    }

    async fn ask_for_blob(&mut self, world: &World) {
        let link = self.link();
        let since = world.since(link);
        let size = world
            .store
            .repo(&link.repo())
            .blob_size(link.digest())
            .await;
        match size.expect("answers") {
            Some(size) => {
                assert_eq!(size, content(link.blob).len() as u64);
                self.remember(link, since);
            }
            None => self.may_lack(world, link),
        }
    }

    async fn pull_blob(&mut self, world: &World) {
        let link = self.known_link();
        let blob = world.store.repo(&link.repo()).blob(link.digest()).await;
        match blob.expect("answers") {
            Some(blob) => {
                let bytes = blob.read(0, usize::MAX).await.expect("is readable");
                assert_eq!(bytes, content(link.blob));
            }
            None => self.may_lack(world, link),
        }
    }

    /// Nobody promised this client that the blob is there, and no image of its own needs it.
    #[track_caller]
    fn may_lack(&self, world: &World, link: Link) {
        for (promised, since) in &self.promises {
            let is_promised = *promised == link && world.is_promised(link, *since);
            assert!(!is_promised, "{link:?} was promised to {}", self.id);
        }
        for image in &self.images {
            let is_needed = image
                .layer
                .is_some_and(|(needed, since)| needed == link && world.is_kept(link, since));
            assert!(!is_needed, "{link:?} is needed by {}", image.digest);
        }
    }

    async fn unlink(&mut self, world: &World) {
        let link = self.link();
        world.begin_unlink(link);
        let there = world.store.repo(&link.repo());
        there.unlink_blob(link.digest()).await.expect("deletes");
        world.end_unlink(link);
    }

    async fn cancel(&mut self, world: &World) {
        let (store, name) = (&world.store, self.link().repo());
        let id = store.begin_upload(&name, &alice(), Algorithm::Sha256).await;
        let id = id.expect("begins");
        let upload = store.upload(&name, id, &alice()).await;
        let mut upload = upload.expect("is there");
        upload.append("given up").await.expect("takes bytes");
        upload.cancel().await.expect("is given up");
        let gone = store.upload(&name, id, &alice()).await;
        assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
    }

    /// Pushes an image that nobody has pushed before, under no tag, one or two.
    async fn push_image(&mut self, world: &World) {
        let link = self.known_link();
        let repository = link.repository;
        let tags: Vec<_> = (0..TAGS.len())
            .filter(|_| self.random.below(TAGS.len()) == 0)
            .collect();
        let subject = self
            .images
            .iter()
            .find(|image| image.repository == repository)
            .filter(|_| self.random.below(3) == 0)
            .map(|image| image.digest);
        let manifest = self.new_image(&content(link.blob), subject);
        let digest = manifest.digest(Algorithm::Sha256);
        let since = world.since(link);
        let called = world.moment();
        let names: Vec<_> = tags.iter().map(|tag| TAGS[*tag]).collect();
        let outcome = put(&world.store, &link.repo(), &manifest, &names).await;
        let answered = world.moment();
        for (tag, (_, before)) in tags.into_iter().zip(outcome.tags) {
            let (saw, did) = (Saw::Exactly(before), Did::Set(digest));
            self.note(Register { repository, tag }, called, answered, saw, did);
        }
        let is_missing = outcome.missing.contains(&link.digest());
        if is_missing {
            self.may_lack(world, link);
        }
        self.images.push(Image {
            repository,
            manifest,
            digest,
            subject,
            layer: (!is_missing).then_some((link, since)),
        });
    }

    fn new_image(&mut self, layer: &[u8], subject: Option<Digest>) -> Manifest {
        self.pushed += 1;
        let about = subject.map_or_else(String::new, |digest| {
            format!(r#","subject":{{"mediaType":"a/b","digest":"{digest}","size":1}}"#)
        });
        let number = format!("{} {}", self.id, self.pushed);
        let more = format!(r#"{about},"annotations":{{"number":"{number}"}}"#);
        image(layer, &[], &more)
    }

    async fn read_tag(&mut self, world: &World) {
        let register = self.register();
        self.look_at(world, register).await;
    }

    /// Reads a tag and notes what it named.
    pub(crate) async fn look_at(&mut self, world: &World, register: Register) -> Option<Digest> {
        let reference = Reference::Tag(register.tag());
        let called = world.moment();
        let stored = world
            .store
            .repo(&register.repo())
            .manifest(&reference)
            .await;
        let answered = world.moment();
        let named = stored.expect("answers").map(|stored| stored.digest);
        self.note(register, called, answered, Saw::Exactly(named), Did::Look);
        named
    }

    async fn delete_tag(&mut self, world: &World) {
        let register = self.register();
        let called = world.moment();
        let there = world.store.repo(&register.repo());
        let was_there = there.delete_tag(&register.tag()).await.expect("deletes");
        let answered = world.moment();
        let (saw, did) = if was_there {
            (Saw::Something, Did::Clear)
        } else {
            (Saw::Exactly(None), Did::Look)
        };
        self.note(register, called, answered, saw, did);
    }

    async fn pull_image(&mut self, world: &World) {
        if self.images.is_empty() {
            return;
        }
        let place = self.random.below(self.images.len());
        let image = &self.images[place];
        let there = world.store.repo(&repo(REPOSITORIES[image.repository]));
        let stored = there.manifest(&Reference::Digest(image.digest)).await;
        let stored = stored.expect("answers").expect("nobody deleted it");
        assert_eq!(stored.bytes, image.manifest.bytes());
        if let Some(subject) = image.subject {
            let referrers = there.referrers(subject).await.expect("lists");
            let is_listed = referrers.iter().any(|it| it.digest == image.digest);
            assert!(is_listed, "{} refers to {subject}", image.digest);
        }
    }

    /// Deletes an image of its own, and all tags that name it.
    async fn delete_image(&mut self, world: &World) {
        if self.images.is_empty() {
            return;
        }
        let place = self.random.below(self.images.len());
        let Image {
            repository, digest, ..
        } = self.images.swap_remove(place);
        let there = world.store.repo(&repo(REPOSITORIES[repository]));
        let called = world.moment();
        let deleted = there.delete_manifest(digest).await;
        let answered = world.moment();
        let tags = deleted.expect("deletes").expect("nobody else deleted it");
        for (tag, name) in TAGS.iter().enumerate() {
            let (saw, did) = if tags.iter().any(|gone| gone.as_str() == *name) {
                (Saw::Exactly(Some(digest)), Did::Clear)
            } else {
                (Saw::Other(digest), Did::Look)
            };
            self.note(Register { repository, tag }, called, answered, saw, did);
        }
        let gone = there.manifest(&Reference::Digest(digest)).await;
        assert!(gone.expect("answers").is_none(), "{digest} was deleted");
    }

    /// Makes a repository of its own, looks at it, and removes it.
    async fn live_alone(&mut self, world: &World) {
        let name = repo(&format!("a/own-{}", self.id));
        let there = world.store.repo(&name);
        assert!(!there.exists().await.expect("answers"));
        let layer = self.link().blob;
        push_blob(&world.store, &name, &content(layer)).await;
        let manifest = self.new_image(&content(layer), None);
        let outcome = put(&world.store, &name, &manifest, &["only"]).await;
        assert_eq!(outcome.missing, []);
        let tags = there.tags().await.expect("lists");
        assert_eq!(tags, Some(vec![tag("only")]));
        let removed = there.remove(Target::All, false).await.expect("removes");
        assert!(removed.is_some());
        assert_eq!(there.tags().await.expect("lists"), None);
    }

    fn note(
        &mut self,
        register: Register,
        called: u64,
        answered: u64,
        saw: Saw<Digest>,
        did: Did<Digest>,
    ) {
        let client = self.id;
        let event = Event {
            client,
            called,
            answered,
            saw,
            did,
        };
        self.seen.push((register, event));
    }
}

/// Does as many things as told, and comes back.
pub(crate) async fn live(mut client: Client, world: Arc<World>, acts: u64) -> Client {
    for _ in 0..acts {
        client.act(&world).await;
    }
    client
}
