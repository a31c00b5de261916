//! root's copies and jobs beside a server of another user, and after it stopped: all of it is the
//! server's. Only root can run this; others are told that it was skipped.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use harness::{Format, Image, Registry, Upstream};

use super::{config, job, tag};

/// A user that has nothing but the data directory.
const OWNER: u32 = 4243;

#[track_caller]
fn all_belongs_to_the_owner(path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("a file that was just listed");
    assert_eq!(metadata.uid(), OWNER, "who owns {}", path.display());
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("a readable directory") {
            all_belongs_to_the_owner(&entry.expect("an entry").path());
        }
    }
}

#[test]
fn what_root_copies_belongs_to_the_owner_of_the_store() {
    if !rustix::process::geteuid().is_root() {
        skipped();
        return;
    }
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    for name in ["1", "2", "3"] {
        upstream.put("a", name, &image);
    }
    let jobs = job("a", "images = [\"up.example/a:2\"]");
    let mut registry = Registry::with()
        .config(config(&upstream, &jobs))
        .owner(OWNER)
        .start();
    registry
        .command(&["mirror", "image", "up.example/a:1"], "")
        .ok();
    registry.stop();
    // A file that the owner of the store cannot read.
    let auth = registry.scratch().file("auth.json", "{\"auths\": {}}");
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o600)).expect("close a file");
    let auth = auth.to_str().expect("a path of text");
    let words = ["mirror", "image", "up.example/a:3", "--authfile", auth];
    registry.command(&words, "").ok();
    registry.command(&["mirror", "run"], "").ok();
    all_belongs_to_the_owner(registry.data());
    registry.start_again();
    let client = registry.admin();
    for name in ["1", "2", "3"] {
        assert_eq!(tag(&client, "up.example/a", name), Some(image.digest()));
    }
    registry.finish().no_uploads();
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skipped() {
    eprintln!("skipped: only root can be another user");
}
