//! What an export writes: a tree that oc reads, whole, once, and nothing that is damaged.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use bytes::Bytes;
use harness::openshift::{OcTree, Release};
use harness::{Digest, Format, Image};
use roadstead_mirror::job::{State, Watch};
use roadstead_mirror::media::{Error, Selected};
use roadstead_mirror::openshift::held;

use super::folder::Folder;
use super::lab::{Lab, known, put, repo, states};

/// A store that holds two images in `a/b`, of which one is `c/d:1` too.
async fn filled() -> (Lab, [Image; 2]) {
    let lab = Lab::new().await;
    let images = ["one", "two"].map(|text| Image::new(Format::Oci, text));
    let tree = lab.tree();
    put(&tree, "a/b", "1", &images[0]);
    put(&tree, "a/b", "2", &images[1]);
    put(&tree, "c/d", "1", &images[0]);
    lab.import(&Folder::at(tree.path())).await;
    (lab, images)
}

fn out(lab: &Lab) -> (Folder, OcTree) {
    let path = lab.path("out");
    fs::create_dir_all(&path).expect("a directory");
    (Folder::at(&path), OcTree::at(path))
}

#[tokio::test]
async fn an_exported_tree_is_as_oc_writes_it() {
    let (lab, images) = filled().await;
    let (folder, tree) = out(&lab);
    let outcome = lab.export(&folder, Selected::All).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.warnings, [""; 0]);
    for name in ["a/b", "c/d"] {
        tree.check(name);
        let tags = tree.tags(name).into_iter();
        let tags: Vec<_> = tags
            .map(|(tag, digest)| (tag, digest.as_str().to_owned()))
            .collect();
        assert_eq!(tags, lab.tags(name).await.into_iter().collect::<Vec<_>>());
    }
    let layer = Digest::of(&images[0].layers[0]);
    let [one, other] = ["a/b", "c/d"].map(|name| fs::metadata(tree.blob(name, &layer)).unwrap());
    assert_eq!(
        one.ino(),
        other.ino(),
        "what two repositories share is one file"
    );
    assert_eq!(one.permissions().mode() & 0o777, 0o644);
}

#[tokio::test]
async fn what_was_exported_is_imported_as_it_was() {
    let lab = Lab::new().await;
    let release = Release::typical().build();
    let tree = lab.tree();
    release.push_components(&tree, "openshift/release");
    release.push_image(&tree, "openshift/release-images");
    let outcome = lab.import(&Folder::at(tree.path())).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    let (folder, _) = out(&lab);
    lab.export(&folder, Selected::All).await;
    let other = Lab::new().await;
    let outcome = other.import(&folder).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    for name in ["openshift/release", "openshift/release-images"] {
        assert_eq!(other.tags(name).await, lab.tags(name).await);
        let manifests = |lab: &Lab| {
            let repo = lab.store.repo(&repo(name));
            async move { repo.manifests().await.unwrap() }
        };
        assert_eq!(manifests(&other).await, manifests(&lab).await);
        other.whole(name).await;
    }
}

#[tokio::test]
async fn a_second_export_writes_nothing_and_mends_what_the_media_forgot() {
    let (lab, images) = filled().await;
    let (folder, tree) = out(&lab);
    lab.export(&folder, Selected::All).await;
    let outcome = lab.export(&folder, Selected::All).await.outcome;
    assert_eq!(
        (outcome.totals.unchanged, outcome.totals.bytes_fetched),
        (3, 0)
    );
    let layer = Digest::of(&images[1].layers[0]);
    let path = tree.blob("a/b", &layer);
    let size = images[1].layers[0].len();
    fs::write(&path, vec![0; size]).unwrap();
    // What a killed export left.
    let left = path.with_file_name(".tmp-0123");
    fs::write(&left, "half").unwrap();
    let outcome = lab.export(&folder, Selected::All).await.outcome;
    assert_eq!(outcome.totals.bytes_fetched, size as u64);
    tree.check("a/b");
    assert!(!left.exists());
}

#[tokio::test]
async fn what_is_damaged_in_the_store_is_named_and_not_exported() {
    let (lab, images) = filled().await;
    let layer = Digest::of(&images[1].layers[0]);
    let blobs = lab.path("data/blobs/sha256");
    let path = blobs.join(&layer.hex()[..2]).join(layer.hex());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, vec![0; images[1].layers[0].len()]).unwrap();
    let (folder, tree) = out(&lab);
    let outcome = lab.export(&folder, Selected::All).await;
    let states = states(&outcome.outcome);
    let (state, because) = states["a/b:2"];
    assert_eq!(state, State::Failed);
    assert!(because.contains(layer.as_str()), "{because}");
    assert_eq!(states["a/b:1"].0, State::New);
    assert_eq!(tree.tags("a/b").into_keys().collect::<Vec<_>>(), ["1"]);
    tree.check("a/b");
}

#[tokio::test]
async fn a_file_system_without_links_and_colons_is_written_for_import() {
    let (lab, _) = filled().await;
    let (mut folder, tree) = out(&lab);
    folder.is_fat = true;
    let outcome = lab.export(&folder, Selected::All).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.warnings.len(), 2, "{:?}", outcome.warnings);
    assert!(
        tree.manifest("a/b", "1")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
    let other = Lab::new().await;
    let outcome = other.import(&folder).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    for name in ["a/b", "c/d"] {
        assert_eq!(other.tags(name).await, lab.tags(name).await);
        other.whole(name).await;
    }
}

#[tokio::test]
async fn where_there_is_no_room_nothing_is_written() {
    let (lab, _) = filled().await;
    let (mut folder, tree) = out(&lab);
    folder.room = 100;
    let plan = lab.plan(&folder, Selected::All).await;
    let needed = plan.report().plan.totals.bytes_to_fetch;
    let watch = Watch::default();
    let outcome = plan.carry_out(&lab.store, &folder, &watch, std::future::pending());
    match outcome.await {
        Err(Error::NoRoom { needed: told, room }) => assert_eq!((told, room), (needed, 100)),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(tree.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_plan_counts_what_an_export_writes() {
    let (lab, _) = filled().await;
    let (folder, _) = out(&lab);
    let planned = lab.plan(&folder, Selected::All).await.report().plan.totals;
    assert_eq!((planned.images, planned.copy), (3, 3));
    let outcome = lab.export(&folder, Selected::All).await.outcome;
    assert_eq!(planned.bytes_to_fetch, outcome.totals.bytes_fetched);
}

#[tokio::test]
async fn what_is_selected_is_exported_with_what_belongs_to_it() {
    let (lab, images) = filled().await;
    let tree = lab.tree();
    let signature = Image::new(Format::Oci, "signature");
    let tag = harness::openshift::signature_tag(&images[0].digest());
    put(&tree, "a/b", &tag, &signature);
    let referrer = Image::referrer(&signature.manifest, "text/plain", "said");
    harness::openshift::Component::image("said", &referrer).push(&tree, "a/b");
    lab.import(&Folder::at(tree.path())).await;
    let (folder, tree) = out(&lab);
    lab.export(&folder, Selected::Tag(repo("a/b"), "1".parse().unwrap()))
        .await;
    tree.check("a/b");
    assert_eq!(
        tree.tags("a/b").into_keys().collect::<Vec<_>>(),
        ["1", &tag]
    );
    assert!(tree.manifest("a/b", referrer.digest().as_str()).exists());
    assert!(!tree.manifest("a/b", images[1].digest().as_str()).exists());
    assert!(!tree.path().join("v2/c").exists());
}

#[tokio::test]
async fn a_release_is_exported_with_its_components_and_signatures() {
    let (lab, _) = filled().await;
    let release = Release::typical().build();
    let tree = lab.tree();
    release.push_components(&tree, "openshift/release");
    release.push_image(&tree, "openshift/release-images");
    lab.import(&Folder::at(tree.path())).await;
    let digest = known(&release.digest());
    let signature = Bytes::from_static(b"signed");
    lab.store
        .keep_signature(digest, signature.clone())
        .await
        .unwrap();
    let named = release.tag().parse().unwrap();
    let held = held::resolve(&lab.store, &named).await.unwrap();
    let (folder, tree) = out(&lab);
    let outcome = lab.export(&folder, Selected::Release(Box::new(held))).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.signatures, 1);
    assert!(!tree.path().join("v2/a").exists());
    let other = Lab::new().await;
    let outcome = other.import(&folder).await;
    assert!(outcome.outcome.is_complete(), "{outcome:?}");
    assert_eq!(other.store.signatures(digest).await.unwrap(), [signature]);
    let name = format!("openshift/release-images:{}", release.tag());
    assert_eq!(states(&outcome.outcome)[name.as_str()].0, State::New);
    let file = format!(
        "config/signature-sha256-{}.json",
        &release.digest().hex()[..16]
    );
    assert!(tree.path().join(file).exists());
}

#[tokio::test]
async fn what_is_not_here_is_told_by_its_name() {
    let (lab, _) = filled().await;
    let (folder, _) = out(&lab);
    for selected in [
        Selected::Repository(repo("no/such")),
        Selected::Tag(repo("a/b"), "9".parse().unwrap()),
    ] {
        let watch = Watch::default();
        let plan =
            roadstead_mirror::media::ExportPlan::make(&lab.store, &folder, vec![selected], &watch);
        assert!(matches!(plan.await, Err(Error::NotHere { .. })));
    }
}
