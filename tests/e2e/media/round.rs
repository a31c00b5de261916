//! What comes in goes out as it was, and what is wrong with media is told.

use std::fs;

use harness::openshift::{OcTree, Target as _};
use harness::{Anonymous, Registry, index_of};
use harness::{Format, Scratch};

use super::{export, import, tree};

#[test]
fn what_was_imported_is_served_and_exported_as_it_was() {
    let mut registry = Registry::with().anonymous(Anonymous::Pull).start();
    let scratch = Scratch::new();
    let (media, image) = tree(&scratch);
    let report = import(&registry, &media);
    assert_eq!(report["result"], "done", "{report}");
    assert_eq!(report["totals"]["copied"], 1, "{report}");
    let served = registry.client().get("/v2/a/b/manifests/1").expect(200);
    assert_eq!(served.body, image.manifest.bytes);
    let out = OcTree::at(scratch.join("out"));
    export(&registry, &out);
    out.check("a/b");
    assert_eq!(out.tags("a/b"), media.tags("a/b"));
    // The same without a server.
    registry.stop();
    assert_eq!(import(&registry, &media)["totals"]["unchanged"], 1);
    let again = OcTree::at(scratch.join("again"));
    export(&registry, &again);
    again.check("a/b");
    assert_eq!(again.tags("a/b"), media.tags("a/b"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let registry = Registry::with().anonymous(Anonymous::Pull).start();
    let scratch = Scratch::new();
    let (media, _) = tree(&scratch);
    let dir = media.path().to_str().expect("a path of text");
    registry
        .command(&["mirror", "import", dir, "--dry-run"], "")
        .ok();
    registry.client().get("/v2/a/b/manifests/1").expect(404);
    import(&registry, &media);
    let out = scratch.join("out");
    let dir = out.to_str().expect("a path of text");
    let told = registry
        .command(&["mirror", "export", dir, "--dry-run"], "")
        .ok();
    assert!(told.contains("would copy 1"), "{told}");
    assert!(!out.exists());
    registry.finish();
}

#[test]
fn what_is_missing_is_named_and_the_rest_comes() {
    let registry = Registry::with().anonymous(Anonymous::Pull).start();
    let scratch = Scratch::new();
    let (media, image) = tree(&scratch);
    let list = index_of(Format::Docker, &[(&image.manifest, ("linux", "amd64"))]);
    media.take_manifest("a/b", "list", &list);
    let other = harness::Image::new(Format::Oci, "other");
    media.take_manifest("a/b", "lost", &other.manifest);
    let dir = media.path().to_str().expect("a path of text");
    let outcome = registry.command(&["mirror", "import", dir], "");
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stdout.contains("failed a/b:lost: "), "{outcome}");
    registry.client().get("/v2/a/b/manifests/list").expect(200);
    registry.client().get("/v2/a/b/manifests/lost").expect(404);
    let empty = scratch.dir("empty");
    let dir = empty.to_str().expect("a path of text");
    let told = registry.command(&["mirror", "import", dir], "").fails(1);
    assert!(
        told.contains("hint: name what `oc adm release mirror --to-dir`"),
        "{told}"
    );
    assert_eq!(fs::read_dir(&empty).expect("a directory").count(), 0);
    registry.finish();
}
