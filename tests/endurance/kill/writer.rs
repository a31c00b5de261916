//! One client at work in a repository of its own: it pushes, tags, moves, mounts and deletes at
//! random until the registry is gone, and afterwards insists on all it was promised.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use harness::{Chance, Client, Digest, Format, Image, Manifest, Noise};
use http::Method;

use super::ledger::{Found, Ledger, Name};
use super::line::Line;
use super::transfer::Transfer;

/// Above this it deletes more than it pushes, so that a store of many rounds stays small.
const IMAGES: usize = 12;
/// Tags that move from image to image.
const TAGS: usize = 8;
/// The largest layer in bytes.
const LAYER: usize = 200_000;

/// An image that was pushed, or is about to be.
#[derive(Debug)]
struct Pushed {
    manifest: Manifest,
    blobs: Vec<Digest>,
}

impl Pushed {
    /// Insists that each of its blobs is there.
    fn check(&self, line: &mut Line, repository: &str) -> io::Result<()> {
        for blob in &self.blobs {
            let found = line.look_up(repository, &Name::Blob(blob.clone()))?;
            assert_eq!(found.as_ref(), Some(blob), "a blob of an image is gone");
        }
        Ok(())
    }
}

/// A client that writes.
pub(crate) struct Writer {
    line: Line,
    repository: String,
    chance: Chance,
    /// What it may mount, and from where.
    base: (String, Bytes),
    ledger: Ledger,
    images: BTreeMap<Digest, Pushed>,
    transfer: Option<Transfer>,
    /// Blobs pushed lately, which no manifest needs yet.
    fresh: Vec<Digest>,
}

impl Writer {
    /// A client of its own repository, which mounts `base` from another one.
    pub(crate) fn new(
        client: &Client,
        repository: String,
        base: (String, Bytes),
        seed: u64,
    ) -> Self {
        Self {
            line: Line::new(client),
            repository,
            chance: Chance::new(seed),
            base,
            ledger: Ledger::default(),
            images: BTreeMap::new(),
            transfer: None,
            fresh: Vec::new(),
        }
    }

    /// Works until the registry is gone, and tells of each answer.
    pub(crate) fn work(&mut self, answered: Sender<()>) -> io::Error {
        self.line.tell(Some(answered));
        let gone = loop {
            if let Err(gone) = self.step() {
                break gone;
            }
        };
        self.line.tell(None);
        gone
    }

    /// Lets go of its connection: the registry has.
    pub(crate) fn hang_up(&mut self) {
        self.line.hang_up();
    }

    /// Insists on what it was promised: all of it, or what was touched since the last time.
    pub(crate) fn check(&mut self, all: bool) {
        let checked = self.check_upload().and_then(|()| self.check_names(all));
        checked.expect("the registry runs");
    }

    fn check_upload(&mut self) -> io::Result<()> {
        if let Some(mut transfer) = self.transfer.take()
            && transfer.resume(&mut self.line)?
        {
            transfer.go_on(&mut self.line, &mut self.chance)?;
            let blob = transfer.digest();
            self.ledger.settle(Name::Blob(blob.clone()), Some(blob));
        }
        Ok(())
    }

    fn check_names(&mut self, all: bool) -> io::Result<()> {
        let names = self.ledger.names(all);
        for name in &names {
            let found = self.line.look_up(&self.repository, name)?;
            self.ledger.found(name, found);
        }
        // Images whose push or deletion was cut off are known now. Each has all it needs.
        let ledger = &self.ledger;
        self.images.retain(|digest, _| {
            let name = Name::Manifest(digest.clone());
            ledger.certain(&name).is_some()
        });
        for name in &names {
            if let Name::Manifest(digest) = name
                && let Some(image) = self.images.get(digest)
            {
                image.check(&mut self.line, &self.repository)?;
            }
        }
        // What no image needs is promised for one grace only.
        for blob in self.fresh.drain(..) {
            self.ledger.forget(&Name::Blob(blob));
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<()> {
        let crowded = self.images.len() >= IMAGES;
        match self.chance.below(12) {
            0..4 if !crowded => self.push_image(),
            0..5 => self.delete_manifest(),
            5..7 => self.move_tag(),
            7 => self.delete_tag(),
            8 => self.delete_blob(),
            9 => self.push_referrer(),
            _ => self.pull(),
        }
    }

    fn push_image(&mut self) -> io::Result<()> {
        let seed = self.chance.word();
        let config = Bytes::from(format!("{{\"os\":\"linux\",\"architecture\":\"{seed}\"}}"));
        let layer = Noise::new(seed, self.chance.below(LAYER) as u64).bytes();
        self.push_blob(&config)?;
        self.push_blob(&layer)?;
        self.mount()?;
        let format = if seed.is_multiple_of(2) {
            Format::Oci
        } else {
            Format::Docker
        };
        let image = Image::assemble(format, config, vec![self.base.1.clone(), layer]);
        let blobs = image.layers.iter().chain([&image.config]);
        let blobs = blobs.map(|bytes| Digest::of(bytes)).collect();
        let tags = match self.chance.below(4) {
            0 => Vec::new(),
            1 => vec![self.tag(), self.tag()],
            _ => vec![self.tag()],
        };
        self.put_manifest(image.manifest, blobs, tags)
    }

    fn push_referrer(&mut self) -> io::Result<()> {
        let Some(subject) = self.some_image() else {
            return Ok(());
        };
        let text = format!("note {}", self.chance.word());
        let note = Image::referrer(&self.images[&subject].manifest, "text/x-note", &text);
        self.push_blob(&note.config)?;
        self.push_blob(&note.layers[0])?;
        let blobs = vec![Digest::of(&note.config), Digest::of(&note.layers[0])];
        self.put_manifest(note.manifest, blobs, Vec::new())
    }

    /// Pushes a manifest: by its one tag, or by its digest with any number of tags.
    fn put_manifest(
        &mut self,
        manifest: Manifest,
        blobs: Vec<Digest>,
        tags: Vec<String>,
    ) -> io::Result<()> {
        let digest = manifest.digest();
        let reference = match &tags[..] {
            [] => digest.to_string(),
            [tag] => tag.clone(),
            tags => format!("{digest}?tag={}", tags.join("&tag=")),
        };
        let names = tags.into_iter().map(Name::Tag);
        let names: Vec<_> = names.chain([Name::Manifest(digest.clone())]).collect();
        for name in &names {
            self.ledger.intend(name.clone(), Some(digest.clone()));
        }
        let pushed = Pushed { manifest, blobs };
        let Manifest { media_type, bytes } = &pushed.manifest;
        let path = format!("/v2/{}/manifests/{reference}", self.repository);
        let put = self.line.ask(Method::PUT, path, |request| {
            request.header("content-type", media_type).body(bytes)
        });
        let blobs = pushed.blobs.clone();
        self.images.insert(digest.clone(), pushed);
        put?.expect(201);
        for name in names {
            self.ledger.settle(name, Some(digest.clone()));
        }
        // From here on the image promises them.
        self.fresh.retain(|blob| !blobs.contains(blob));
        for blob in blobs {
            self.ledger.forget(&Name::Blob(blob));
        }
        Ok(())
    }

    fn move_tag(&mut self) -> io::Result<()> {
        let Some(digest) = self.some_image() else {
            return Ok(());
        };
        let Pushed { manifest, blobs } = &self.images[&digest];
        let (manifest, blobs, tag) = (manifest.clone(), blobs.clone(), self.tag());
        self.put_manifest(manifest, blobs, vec![tag])
    }

    fn delete_tag(&mut self) -> io::Result<()> {
        let tag = Name::Tag(self.tag());
        self.delete(&tag, &[])
    }

    fn delete_manifest(&mut self) -> io::Result<()> {
        let Some(digest) = self.some_image() else {
            return Ok(());
        };
        let named = |name: &Name| {
            matches!(name, Name::Tag(_)) && self.ledger.certain(name) == Some(&digest)
        };
        let tags = self.ledger.names(true).into_iter().filter(named);
        let tags: Vec<_> = tags.collect();
        self.delete(&Name::Manifest(digest.clone()), &tags)?;
        self.images.remove(&digest);
        Ok(())
    }

    /// Deletes a blob that nothing needs; one that an image needs is never deleted by itself.
    fn delete_blob(&mut self) -> io::Result<()> {
        let text = Bytes::from(format!("soon gone {}", self.chance.word()));
        self.push_blob(&text)?;
        let digest = Digest::of(&text);
        self.delete(&Name::Blob(digest.clone()), &[])?;
        self.fresh.retain(|blob| *blob != digest);
        Ok(())
    }

    /// Deletes what is found under a name, and with it these others.
    fn delete(&mut self, name: &Name, others: &[Name]) -> io::Result<()> {
        let expected = self.ledger.certain(name).map_or(404, |_| 202);
        let names = || others.iter().chain([name]);
        for name in names() {
            self.ledger.intend(name.clone(), None);
        }
        let path = name.path(&self.repository);
        let answer = self.line.ask(Method::DELETE, path, |request| request)?;
        answer.expect(expected);
        for name in names() {
            self.ledger.settle(name.clone(), None);
        }
        Ok(())
    }

    fn pull(&mut self) -> io::Result<()> {
        let Some(digest) = self.some_image() else {
            return Ok(());
        };
        let name = Name::Manifest(digest.clone());
        let found = self.line.look_up(&self.repository, &name)?;
        assert_eq!(found.as_ref(), Some(&digest), "an image is gone");
        self.images[&digest].check(&mut self.line, &self.repository)
    }

    /// Pushes a blob in one piece or in chunks.
    fn push_blob(&mut self, bytes: &Bytes) -> io::Result<()> {
        let digest = Digest::of(bytes);
        let found: Found = Some(digest.clone());
        let name = Name::Blob(digest.clone());
        self.ledger.intend(name.clone(), found.clone());
        self.fresh.push(digest.clone());
        if self.chance.once_in(2) {
            let path = format!("/v2/{}/blobs/uploads/?digest={digest}", self.repository);
            let answer = self
                .line
                .ask(Method::POST, path, |request| request.octets().body(bytes));
            answer?.expect(201);
        } else {
            let transfer = Transfer::begin(&mut self.line, &self.repository, bytes)?;
            let transfer = self.transfer.insert(transfer);
            transfer.go_on(&mut self.line, &mut self.chance)?;
            self.transfer = None;
        }
        self.ledger.settle(name, found);
        Ok(())
    }

    /// Mounts the layer that all images share.
    fn mount(&mut self) -> io::Result<()> {
        let (from, layer) = &self.base;
        let digest = Digest::of(layer);
        let path = format!(
            "/v2/{}/blobs/uploads/?mount={digest}&from={from}",
            self.repository
        );
        self.line
            .ask(Method::POST, path, |request| request)?
            .expect(201);
        Ok(())
    }

    fn some_image(&mut self) -> Option<Digest> {
        self.chance.pick(self.images.keys()).cloned()
    }

    fn tag(&mut self) -> String {
        format!("t{}", self.chance.below(TAGS))
    }
}
