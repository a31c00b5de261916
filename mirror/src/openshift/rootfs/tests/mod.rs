//! Files out of images that are made here: of layers that hide, link, lie and swell.

mod limit;
mod model;

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use roadstead_storage::oci::{Algorithm, Digest, Manifest};
use roadstead_storage::{Config, Principal, Repo, Store};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;

/// An image in a store.
struct Lab {
    _dir: TempDir,
    repo: Repo,
    store: Store,
}

/// One entry of a layer.
enum It<'a> {
    Dir(&'a str),
    File(&'a str, &'a [u8]),
    Hard(&'a str, &'a str),
    Soft(&'a str, &'a str),
}

impl Lab {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::create_or_open(Config::new(dir.path().join("data")))
            .await
            .unwrap();
        let repo = store.repo(&"a/b".parse().unwrap());
        Self {
            _dir: dir,
            repo,
            store,
        }
    }

    async fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        let (by, repo) = (Principal::new("test"), self.repo.name());
        let id = self.store.begin_upload(repo, &by, Algorithm::Sha256);
        let id = id.await.unwrap();
        let mut upload = self.store.upload(repo, id, &by).await.unwrap();
        upload.append(Bytes::copy_from_slice(bytes)).await.unwrap();
        upload.commit(digest).await.unwrap();
        digest
    }

    /// An image of these layers, from the bottom up.
    async fn image(&self, layers: &[Vec<u8>]) -> Manifest {
        let mut listed = Vec::new();
        for layer in layers {
            listed.push(described(self.blob(layer).await, layer.len()));
        }
        let config = self.blob(b"{}").await;
        manifest(&described(config, 2), &listed)
    }

    fn content(&self) -> Content {
        Content::Held(self.repo.clone())
    }

    async fn file(&self, image: &Manifest, path: &str) -> Result<Vec<u8>, ReadError> {
        let read = std::sync::Mutex::new(Vec::new());
        let content = self.content();
        let info = file(&content, image, path, |piece| {
            read.lock().unwrap().extend_from_slice(&piece);
            async { Ok(()) }
        });
        let info = info.await?;
        let read = read.into_inner().unwrap();
        assert_eq!((info.size, info.modified), (read.len() as u64, 7));
        Ok(read)
    }

    async fn below(
        &self,
        image: &Manifest,
        dir: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
        let files = files_below(&self.content(), image, dir, |_| true).await?;
        Ok(files.into_iter().collect())
    }
}

fn described(digest: Digest, size: usize) -> Value {
    json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size })
}

fn manifest(config: &Value, layers: &[Value]) -> Manifest {
    let document = json!({ "schemaVersion": 2, "config": config, "layers": layers });
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    Manifest::parse(Some(media_type), document.to_string().into()).unwrap()
}

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mtime(7);
    header.set_mode(0o755);
    header
}

fn archive(entries: &[It<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        match entry {
            It::Dir(path) => {
                let mut header = header(EntryType::Directory, 0);
                builder.append_data(&mut header, path, io::empty()).unwrap();
            }
            It::File(path, bytes) => {
                let mut header = header(EntryType::Regular, bytes.len());
                builder.append_data(&mut header, path, *bytes).unwrap();
            }
            It::Hard(path, to) => {
                let mut header = header(EntryType::Link, 0);
                builder.append_link(&mut header, path, to).unwrap();
            }
            It::Soft(path, to) => {
                let mut header = header(EntryType::Symlink, 0);
                builder.append_link(&mut header, path, to).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

/// An archive of one entry whose path no builder would write.
fn nasty(path: &str, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = header(EntryType::Regular, 0);
    header.set_size(size);
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn the_topmost_layer_that_has_a_path_decides() {
    let lab = Lab::new().await;
    let layers = [
        archive(&[It::File("d/a", b"old"), It::File("d/b", b"below")]),
        gzip(&archive(&[It::Dir("./d/"), It::File("./d/a", b"new")])),
    ];
    let image = lab.image(&layers).await;
    assert_eq!(lab.file(&image, "/d/a").await.unwrap(), b"new");
    assert_eq!(lab.file(&image, "d/b").await.unwrap(), b"below");
    let expected = [("d/a", "new"), ("d/b", "below")];
    let expected = expected.map(|(path, text)| (path.to_owned(), text.into()));
    assert_eq!(lab.below(&image, "/d").await.unwrap(), expected);
    let missing = lab.file(&image, "/d/c").await.unwrap_err();
    assert!(matches!(missing, ReadError::NoFile { .. }), "{missing}");
}

#[tokio::test]
async fn layers_are_packed_in_any_way_or_not_at_all() {
    let lab = Lab::new().await;
    let long = format!("d/{}", "x/".repeat(120) + "end");
    let plain = archive(&[It::File(&long, b"content")]);
    let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
    for layer in [plain.clone(), gzip(&plain), zstd] {
        let image = lab.image(&[layer]).await;
        assert_eq!(lab.file(&image, &long).await.unwrap(), b"content");
    }
}

#[tokio::test]
async fn what_an_upper_layer_takes_away_is_not_there() {
    let lab = Lab::new().await;
    let below = archive(&[It::File("d/a", b"a"), It::File("d/e/b", b"b")]);
    for (above, left) in [
        (archive(&[It::File("d/.wh.a", b"")]), vec!["d/e/b"]),
        (archive(&[It::File("d/.wh.e", b"")]), vec!["d/a"]),
        (archive(&[It::File(".wh.d", b"")]), vec![]),
        (archive(&[It::File("d/.wh..wh..opq", b"")]), vec![]),
        (
            archive(&[It::File("d/e", b"now a file")]),
            vec!["d/a", "d/e"],
        ),
        (archive(&[It::Soft("d/e", "elsewhere")]), vec!["d/a"]),
    ] {
        let image = lab.image(&[below.clone(), above]).await;
        let files = lab.below(&image, "d").await.unwrap();
        let paths: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, left);
        for path in ["d/a", "d/e/b"] {
            let is_there = lab.file(&image, path).await.is_ok();
            assert_eq!(is_there, left.contains(&path), "{path} of {left:?}");
        }
    }
    let above = archive(&[It::File("d/.wh..wh..opq", b""), It::File("d/n", b"n")]);
    let image = lab.image(&[below, above]).await;
    assert_eq!(lab.file(&image, "d/n").await.unwrap(), b"n");
    lab.file(&image, "d/a").await.unwrap_err();
}

#[tokio::test]
async fn links_are_followed_wherever_they_stand_and_not_for_ever() {
    let lab = Lab::new().await;
    let layers = [
        archive(&[
            It::File("usr/bin/oc.real", b"program"),
            It::Hard("usr/bin/oc", "usr/bin/oc.real"),
            It::Soft("bin", "usr/bin"),
        ]),
        archive(&[
            It::File("usr/bin/oc.real", b"another"),
            It::Soft("usr/bin/kubectl", "../../bin/./oc"),
            It::Soft("loop", "/pool"),
            It::Soft("pool", "loop"),
        ]),
    ];
    let image = lab.image(&layers).await;
    for path in ["usr/bin/oc", "bin/oc", "usr/bin/kubectl", "/bin/kubectl"] {
        // A hard link is to what its own layer has.
        assert_eq!(lab.file(&image, path).await.unwrap(), b"program", "{path}");
    }
    let lost = lab.file(&image, "loop").await.unwrap_err();
    assert!(matches!(lost, ReadError::Links { .. }), "{lost}");
    let lost = lab.file(&image, "usr/bin").await.unwrap_err();
    assert!(matches!(lost, ReadError::NoFile { .. }), "{lost}");
}

#[tokio::test]
async fn a_path_that_leads_out_is_refused() {
    let lab = Lab::new().await;
    for path in ["../etc/passwd", "a/../../b", "d/.."] {
        let image = lab.image(&[gzip(&nasty(path, 1, b"x"))]).await;
        for refused in [
            lab.file(&image, "d/a").await.unwrap_err(),
            lab.below(&image, "d").await.unwrap_err(),
        ] {
            assert!(matches!(refused, ReadError::Climbs { .. }), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_layer_that_swells_is_refused() {
    let lab = Lab::new().await;
    let zeros = vec![0; 16 * 1024 * 1024];
    let mut first = header(EntryType::Regular, 64 * zeros.len());
    first.set_path("large").unwrap();
    first.set_cksum();
    // A file may consist of several, one after the other (RFC 1952, 2.2).
    let bomb = [gzip(first.as_bytes()), gzip(&zeros).repeat(64)].concat();
    let image = lab.image(&[bomb]).await;
    let refused = lab.file(&image, "d/a").await.unwrap_err();
    assert!(matches!(refused, ReadError::Bomb { .. }), "{refused}");
    // In memory even less is held.
    let large = vec![0; 17 * 1024 * 1024];
    let image = lab.image(&[archive(&[It::File("d/a", &large)])]).await;
    let refused = lab.below(&image, "d").await.unwrap_err();
    assert!(matches!(refused, ReadError::LargeFile { .. }), "{refused}");
}

#[tokio::test]
async fn what_is_no_archive_or_ends_early_is_refused() {
    let lab = Lab::new().await;
    let whole = archive(&[It::File("d/a", &[7; 5000])]);
    let packed = gzip(&archive(&[It::File("d/b", &[7; 100])]));
    let mut long_name = header(EntryType::GNULongName, 2 * 1024 * 1024);
    long_name.set_cksum();
    let mut long_name = long_name.as_bytes().to_vec();
    long_name.resize(3 * 1024 * 1024, b'x');
    for layer in [
        b"this is no archive, of whatever kind".repeat(20),
        whole[..2000].to_vec(),
        packed[..packed.len() / 2].to_vec(),
        nasty("d/a", 1 << 40, b"x"),
        long_name,
    ] {
        let image = lab.image(&[layer]).await;
        for refused in [
            lab.file(&image, "d/a").await.unwrap_err(),
            lab.below(&image, "d").await.unwrap_err(),
        ] {
            let is_told = matches!(
                refused,
                ReadError::Archive { .. } | ReadError::Bomb { .. } | ReadError::LargeFile { .. }
            );
            assert!(is_told, "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_layer_that_is_missing_or_of_another_size_is_refused() {
    let lab = Lab::new().await;
    let layer = archive(&[It::File("d/a", b"a")]);
    let config = described(lab.blob(b"{}").await, 2);
    let missing = described(Digest::of(Algorithm::Sha256, b"never"), 5);
    let refused = lab.file(&manifest(&config, &[missing]), "d/a").await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ReadError::Missing { .. }), "{refused}");
    let lying = described(lab.blob(&layer).await, layer.len() + 1);
    let refused = lab.file(&manifest(&config, &[lying]), "d/a").await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ReadError::Damaged { .. }), "{refused}");
    let mut foreign = described(lab.blob(&layer).await, layer.len());
    foreign["urls"] = json!(["https://elsewhere.example.com/layer"]);
    let refused = lab.file(&manifest(&config, &[foreign]), "d/a").await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ReadError::Foreign { .. }), "{refused}");
}

#[tokio::test]
async fn a_release_is_read_from_as_few_layers_as_have_its_documents() {
    let lab = Lab::new().await;
    let references = json!({ "kind": "ImageStream", "apiVersion": "image.openshift.io/v1",
        "metadata": { "name": "4.18.7" }, "spec": { "tags": [{ "name": "cli",
            "from": { "kind": "DockerImage", "name": format!("quay.io/a/b@{}", Digest::of(Algorithm::Sha256, b"cli")) } }] } });
    let references = references.to_string();
    let metadata = json!({ "kind": "cincinnati-metadata-v0", "version": "4.18.7" }).to_string();
    let top = gzip(&archive(&[
        It::File("release-manifests/image-references", references.as_bytes()),
        It::File("release-manifests/release-metadata", metadata.as_bytes()),
    ]));
    let config = described(lab.blob(b"{}").await, 2);
    // Nobody has the lower layer.
    let missing = described(Digest::of(Algorithm::Sha256, b"never"), 5);
    let top = described(lab.blob(&top).await, top.len());
    let image = manifest(&config, &[missing, top]);
    let payload = payload_of(&lab.content(), &image).await.unwrap();
    assert_eq!(payload.version(), "4.18.7");
    let other = lab.image(&[archive(&[It::File("d/a", b"a")])]).await;
    let refused = payload_of(&lab.content(), &other).await.unwrap_err();
    assert!(matches!(refused, ReadError::NoFile { .. }), "{refused}");
}
