//! What comes of trees: whole ones, and what copying and chance make of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use harness::openshift::{Fixture, OcTree, Release, Target as _, VERSION};
use harness::{Format, Image, Noise, Scratch, index_of};
use roadstead_mirror::job::{CutShort, State};

use super::folder::Folder;
use super::lab::{Lab, known, put, states};

const REPO: &str = "openshift/release";

fn text(digest: &harness::Digest) -> String {
    digest.as_str().to_owned()
}

/// A release as `oc adm release mirror --to-dir` lays it out: all of it in one repository.
fn release_in(tree: &OcTree, release: &Release) {
    release.push_components(tree, REPO);
    release.push_image(tree, REPO);
    for component in &release.components {
        let tag = format!("{}-{}", release.tag(), component.name);
        tree.take_manifest(REPO, &tag, &component.manifest);
    }
}

/// Two images in `a/b`, tagged 1 and 2.
fn two(tree: &OcTree) -> [Image; 2] {
    let images = ["one", "two"].map(|text| Image::new(Format::Oci, text));
    put(tree, "a/b", "1", &images[0]);
    put(tree, "a/b", "2", &images[1]);
    images
}

/// Both images are here, whatever the tree looks like.
async fn both_come(tree: &OcTree, lab: &Lab, images: &[Image; 2]) {
    let outcome = lab.import(&Folder::at(tree.path())).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.refused, []);
    let tags = lab.tags("a/b").await;
    assert_eq!(tags["1"], text(&images[0].digest()));
    assert_eq!(tags["2"], text(&images[1].digest()));
    assert_eq!(tags.len(), 2);
    lab.whole("a/b").await;
}

/// Gives every file of a tree a name made from its own.
fn rename_all(dir: &Path, name: &dyn Fn(&str) -> String) {
    for entry in fs::read_dir(dir).expect("a tree of plain names") {
        let path = entry.expect("a tree of plain names").path();
        if path.is_dir() {
            rename_all(&path, name);
            continue;
        }
        let new = name(
            path.file_name()
                .expect("a tree of plain names")
                .to_str()
                .expect("a tree of plain names"),
        );
        fs::rename(&path, path.with_file_name(new)).expect("a tree of plain names");
    }
}

#[tokio::test]
async fn a_release_comes_with_all_its_tags_and_digests() {
    let lab = Lab::new().await;
    let (tree, release) = (lab.tree(), Release::typical().build());
    release_in(&tree, &release);
    let outcome = lab.import(&Folder::at(tree.path())).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    let tags = lab.tags(REPO).await;
    assert_eq!(tags[&release.tag()], text(&release.digest()));
    for (tag, digest) in tree.tags(REPO) {
        assert_eq!(tags[&tag], text(&digest), "{tag}");
    }
    lab.whole(REPO).await;
}

#[tokio::test]
async fn what_the_real_oc_wrote_comes_as_it_is() {
    let Some(fixture) = Fixture::find() else {
        return;
    };
    let (lab, scratch) = (Lab::new().await, Scratch::new());
    let tree = OcTree::at(fixture.oc_directory(&scratch));
    let outcome = lab.import(&Folder::at(tree.path())).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    let expected = tree.tags(REPO).into_iter();
    let expected: Vec<_> = expected.map(|(tag, digest)| (tag, text(&digest))).collect();
    let tags: Vec<_> = lab.tags(REPO).await.into_iter().collect();
    assert_eq!(tags, expected);
    let repo = lab.store.repo(&super::lab::repo(REPO));
    assert_eq!(repo.manifests().await.unwrap().len(), 18);
    lab.whole(REPO).await;
}

#[tokio::test]
async fn a_release_that_names_what_is_not_here_gets_no_tag() {
    let lab = Lab::new().await;
    let (tree, release) = (lab.tree(), Release::typical().build());
    release_in(&tree, &release);
    let lost = &release.components[0];
    let digest = lost.manifest.digest();
    fs::remove_file(tree.manifest(REPO, digest.as_str())).unwrap();
    fs::remove_file(tree.blob(REPO, &digest)).unwrap();
    fs::remove_file(tree.manifest(REPO, &format!("{}-{}", release.tag(), lost.name))).unwrap();
    let outcome = lab.import(&Folder::at(tree.path())).await;
    let name = format!("{REPO}:{}", release.tag());
    let (state, because) = states(&outcome.outcome)[name.as_str()];
    assert_eq!(state, State::Failed);
    assert!(because.contains(digest.as_str()), "{because}");
    assert_eq!(outcome.outcome.totals.failed, 1, "{outcome:?}");
    assert_eq!(lab.tags(REPO).await.get(&release.tag()), None);
    // With it, the rest comes, and nothing twice.
    lost.push(&tree, REPO);
    let folder = Folder::at(tree.path());
    let outcome = lab.import(&folder).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    assert_eq!(
        lab.tags(REPO).await[&release.tag()],
        text(&release.digest())
    );
}

#[tokio::test]
async fn a_tree_whose_links_became_copies_is_imported() {
    let lab = Lab::new().await;
    let images = two(&lab.tree());
    let copy = lab.path("copy");
    let copied = Command::new("cp")
        .arg("-rL")
        .arg(lab.tree().path())
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    assert!(!copy.join("v2/a/b/manifests/1").is_symlink());
    both_come(&OcTree::at(copy), &lab, &images).await;
}

#[tokio::test]
async fn names_as_windows_has_them_are_read() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    for (tag, image) in ["1", "2"].iter().zip(&images) {
        let tag = tree.manifest("a/b", tag);
        fs::remove_file(&tag).unwrap();
        symlink(image.digest().as_str().replace(':', "-"), tag).unwrap();
    }
    rename_all(tree.path(), &|name| name.replace(':', "-"));
    both_come(&tree, &lab, &images).await;
}

#[tokio::test]
async fn what_oc_left_half_way_is_passed_over() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    fs::write(tree.manifest("a/b", "3.download"), "half").unwrap();
    symlink("nowhere", tree.manifest("a/b", "4.download")).unwrap();
    fs::write(
        tree.blob("a/b", &images[0].digest())
            .with_file_name(".tmp-1"),
        "x",
    )
    .unwrap();
    both_come(&tree, &lab, &images).await;
}

#[tokio::test]
async fn manifests_that_lie_among_blobs_only_are_found() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    for image in &images {
        fs::remove_file(tree.manifest("a/b", image.digest().as_str())).unwrap();
    }
    both_come(&tree, &lab, &images).await;
}

#[tokio::test]
async fn a_tree_in_the_folder_mirror_is_found() {
    let lab = Lab::new().await;
    let tree = OcTree::at(lab.path("media/mirror"));
    let images = two(&tree);
    both_come(&OcTree::at(lab.path("media")), &lab, &images).await;
}

#[tokio::test]
async fn wrong_bytes_cost_the_image_that_has_them() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    let layer = harness::Digest::of(&images[0].layers[0]);
    let path = tree.blob("a/b", &layer);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let outcome = lab.import(&Folder::at(tree.path())).await;
    let states = states(&outcome.outcome);
    assert_eq!(states["a/b:2"].0, State::New);
    let (state, because) = states["a/b:1"];
    assert_eq!(state, State::Failed);
    assert!(because.contains(layer.as_str()), "{because}");
    let tags = lab.tags("a/b").await;
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["2"]);
    let held = lab
        .store
        .repo(&super::lab::repo("a/b"))
        .blob(known(&layer))
        .await;
    assert!(held.unwrap().is_none(), "wrong bytes became a blob");
}

#[tokio::test]
async fn a_manifest_of_other_bytes_is_not_taken() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    let path = tree.manifest("a/b", images[0].digest().as_str());
    // Both names of it are one file.
    fs::write(&path, &images[1].manifest.bytes).unwrap();
    let outcome = lab.import(&Folder::at(tree.path())).await;
    assert_eq!(states(&outcome.outcome)["a/b:1"].0, State::Failed);
    assert_eq!(lab.tags("a/b").await.keys().collect::<Vec<_>>(), ["2"]);
}

#[tokio::test]
async fn an_image_that_lacks_something_gets_no_tag() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    let child = Image::new(Format::Docker, "child");
    let list = index_of(Format::Docker, &[(&child.manifest, ("linux", "arm64"))]);
    tree.take_manifest("a/b", "list", &list);
    let layer = harness::Digest::of(&images[0].layers[0]);
    fs::remove_file(tree.blob("a/b", &layer)).unwrap();
    let outcome = lab.import(&Folder::at(tree.path())).await;
    let states = states(&outcome.outcome);
    for (name, lacks) in [("a/b:1", layer), ("a/b:list", child.digest())] {
        let (state, because) = states[name];
        assert_eq!(state, State::Failed, "{name}");
        assert!(because.contains(lacks.as_str()), "{because}");
    }
    assert_eq!(lab.tags("a/b").await.keys().collect::<Vec<_>>(), ["2"]);
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_named_and_not_followed() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    let secret = lab.path("secret");
    fs::write(&secret, &images[0].manifest.bytes).unwrap();
    symlink(&secret, tree.manifest("a/b", "out")).unwrap();
    symlink("../../../../secret", tree.manifest("a/b", "up")).unwrap();
    let layer = harness::Digest::of(&images[1].layers[0]);
    let path = tree.blob("a/b", &layer);
    fs::rename(&path, lab.path("layer")).unwrap();
    symlink(lab.path("layer"), &path).unwrap();
    symlink(lab.dir.path(), tree.path().join("v2/a/else")).unwrap();
    // The folder fails the test where anything is read through a link.
    let outcome = lab.import(&Folder::at(tree.path())).await;
    let mut refused: Vec<_> = outcome.refused.iter().map(|it| it.path.clone()).collect();
    refused.sort();
    let blob = format!("v2/a/b/blobs/{}", layer.as_str());
    assert_eq!(
        refused,
        [
            &*blob,
            "v2/a/b/manifests/out",
            "v2/a/b/manifests/up",
            "v2/a/else"
        ]
    );
    assert_eq!(states(&outcome.outcome)["a/b:2"].0, State::Failed);
    assert_eq!(lab.tags("a/b").await.keys().collect::<Vec<_>>(), ["1"]);
}

#[tokio::test]
async fn a_second_import_reads_no_blob_again() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    two(&tree);
    lab.import(&Folder::at(tree.path())).await;
    let outcome = lab.import(&Folder::at(tree.path())).await.outcome;
    let totals = outcome.totals;
    assert_eq!(
        (totals.unchanged, totals.copied, totals.bytes_fetched),
        (2, 0, 0)
    );
}

#[tokio::test]
async fn an_import_that_broke_off_goes_on_where_it_stopped() {
    const PIECE: u64 = 1 << 20;
    let lab = Lab::new().await;
    let tree = lab.tree();
    let noise = Noise::new(7, 6 * PIECE);
    let image = Image::assemble(Format::Oci, "{}".into(), vec![noise.bytes()]);
    put(&tree, "a/b", "1", &image);
    let mut folder = Folder::at(tree.path());
    folder.ends_after = 4 * PIECE;
    let outcome = lab.import(&folder).await.outcome;
    assert!(
        matches!(outcome.cut_short, Some(CutShort::Failed { .. })),
        "{outcome:?}"
    );
    assert_eq!(lab.tags("a/b").await.len(), 0);
    let outcome = lab.import(&Folder::at(tree.path())).await.outcome;
    assert!(outcome.is_complete(), "{outcome:?}");
    let read = outcome.totals.bytes_fetched;
    assert!(read < 4 * PIECE, "{read} bytes were read again");
    lab.whole("a/b").await;
}

#[tokio::test]
async fn what_refers_to_an_image_comes_too() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    let images = two(&tree);
    let referrer = Image::referrer(&images[0].manifest, "text/plain", "said");
    harness::openshift::Component::image("said", &referrer).push(&tree, "a/b");
    lab.import(&Folder::at(tree.path())).await;
    let repo = lab.store.repo(&super::lab::repo("a/b"));
    let referrers = repo.referrers(known(&images[0].digest())).await.unwrap();
    assert_eq!(referrers[0].digest, known(&referrer.digest()));
}

#[tokio::test]
async fn signatures_of_releases_are_kept() {
    let lab = Lab::new().await;
    let tree = lab.tree();
    two(&tree);
    let digest = harness::Digest::of(VERSION.as_bytes());
    fs::create_dir(tree.path().join("config")).unwrap();
    let map = format!(
        "{{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"binaryData\":{{\"sha256-{}-1\":\"AQID\"}}}}",
        digest.hex()
    );
    fs::write(tree.path().join("config/signature-sha256-0.json"), map).unwrap();
    fs::write(tree.path().join("config/signature-sha256-1.yaml"), "none").unwrap();
    fs::write(tree.path().join("config/idms.yaml"), "none of ours").unwrap();
    let outcome = lab.import(&Folder::at(tree.path())).await;
    assert_eq!(outcome.signatures, 1);
    assert_eq!(outcome.refused[0].path, "config/signature-sha256-1.yaml");
    let kept = lab.store.signatures(known(&digest)).await.unwrap();
    assert_eq!(kept, [[1_u8, 2, 3].as_slice()]);
}

#[tokio::test]
async fn a_directory_without_images_is_told_so() {
    let lab = Lab::new().await;
    fs::create_dir(lab.path("tree")).unwrap();
    let folder = Folder::at(lab.tree().path());
    let watch = roadstead_mirror::job::Watch::default();
    let plan = roadstead_mirror::media::ImportPlan::make(&lab.store, &folder, &watch).await;
    assert!(matches!(plan, Err(roadstead_mirror::media::Error::NoTree)));
}
