//! root's media beside a server of another user, and after it stopped: what is root's is read and
//! written as root, and the store stays its owner's. Only root can run this; others are told that it
//! was skipped.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use harness::openshift::OcTree;
use harness::{Registry, Scratch};

use super::{export, import, tree};

/// A user that has nothing but the data directory.
const OWNER: u32 = 4244;

#[test]
fn media_that_only_the_caller_may_touch_are_read_and_written() {
    if !rustix::process::geteuid().is_root() {
        skipped();
        return;
    }
    let scratch = Scratch::new();
    let (media, _) = tree(&scratch);
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).expect("close it");
    let mut registry = Registry::with().owner(OWNER).start();
    assert_eq!(import(&registry, &media)["totals"]["copied"], 1);
    let out = OcTree::at(scratch.join("out"));
    export(&registry, &out);
    registry.stop();
    let again = OcTree::at(scratch.join("again"));
    export(&registry, &again);
    for tree in [out, again] {
        tree.check("a/b");
        let tag = tree.manifest("a/b", "1");
        assert_eq!(fs::symlink_metadata(tag).expect("a tag").uid(), 0);
    }
    registry.start_again();
    registry.finish().no_uploads();
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skipped() {
    eprintln!("skipped: only root can be another user");
}
