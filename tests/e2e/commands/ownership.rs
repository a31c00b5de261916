//! root's commands beside a server of another user, and after it stopped: they leave no file that
//! the server cannot read. Only root can run these; others are told that they were skipped.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use harness::{Anonymous, Format, Image, Outcome, Registry, Scratch, binary};

/// A user that has nothing but the data directory.
const OWNER: u32 = 4242;

/// A registry run by [`OWNER`], and the scratch directory with a binary that such a user may run.
fn prepared() -> Option<Registry> {
    if !rustix::process::geteuid().is_root() {
        skipped();
        return None;
    }
    Some(
        Registry::with()
            .anonymous(Anonymous::Push)
            .owner(OWNER)
            .start(),
    )
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skipped() {
    eprintln!("skipped: only root can be another user");
}

/// Insists that every file below belongs to the owner and is readable by them, and by nobody else
/// where it is secret.
#[track_caller]
fn all_belongs_to_the_owner(path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("a file that was just listed");
    let (uid, mode) = (metadata.uid(), metadata.permissions().mode());
    assert_eq!(
        (uid, metadata.gid()),
        (OWNER, OWNER),
        "who owns {}",
        path.display()
    );
    let needed = if metadata.is_dir() { 0o700 } else { 0o400 };
    assert_eq!(
        mode & needed,
        needed,
        "{} is not open to its owner",
        path.display()
    );
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("a readable directory") {
            all_belongs_to_the_owner(&entry.expect("an entry").path());
        }
    }
}

/// Every kind of command that reads or writes the store.
fn commands(registry: &Registry, round: &str) {
    let user = format!("user-{round}");
    registry
        .command(&["user", "add", &user, "--password-stdin"], "a password")
        .ok();
    registry
        .command(&["user", "password", &user, "--password-stdin"], "another")
        .ok();
    registry.command(&["user", "list"], "").ok();
    registry.command(&["repo", "list"], "").ok();
    registry.command(&["repo", "show", "a/b"], "").ok();
    registry
        .command(&["repo", "remove", &format!("a/b:{round}")], "")
        .ok();
    registry.command(&["store", "stat"], "").ok();
    registry.command(&["ca", "show"], "").ok();
    registry.command(&["ca", "renew"], "").ok();
    registry.command(&["ca", "export"], "").ok();
    all_belongs_to_the_owner(registry.data());
}

#[test]
fn root_leaves_no_foreign_file_beside_a_server_or_after_it() {
    let Some(mut registry) = prepared() else {
        return;
    };
    let client = registry.plain();
    let image = Image::new(Format::Oci, "content");
    for tag in ["beside", "after", "kept"] {
        image.push(&client, "a/b", tag);
    }

    commands(&registry, "beside");
    registry.stop();
    commands(&registry, "after");

    registry.start_again();
    assert_eq!(client.tags("a/b"), ["kept"]);
    registry
        .client()
        .basic("user-after", "another")
        .get("/v2/")
        .expect(200);
    image.push(&client, "a/b", "again");
    all_belongs_to_the_owner(registry.data());
    registry.finish();
}

#[test]
fn roots_own_files_are_written_by_root() {
    let Some(mut registry) = prepared() else {
        return;
    };
    let to = Scratch::new();
    fs::set_permissions(to.path(), fs::Permissions::from_mode(0o700)).expect("close it");
    let path = to.path().to_str().expect("an ASCII path").to_owned();
    let export = |registry: &Registry, address: &str| {
        let words = [
            "ca",
            "export",
            "--format",
            "certs.d",
            "--address",
            address,
            "--to",
            &path,
        ];
        registry.command(&words, "").ok();
        let written = fs::metadata(to.join(format!("{address}/ca.crt"))).expect("the CA");
        assert_eq!(written.uid(), 0);
    };

    export(&registry, "one.example.com:8443");
    registry.stop();
    export(&registry, "two.example.com:8443");
    all_belongs_to_the_owner(registry.data());
    registry.start_again();
    registry.finish();
}

#[test]
fn a_stranger_gives_no_orders() {
    let Some(mut registry) = prepared() else {
        return;
    };
    let as_stranger = |registry: &Registry| {
        let mut command = Command::new(binary());
        command
            .args(["user", "list", "--data"])
            .arg(registry.data())
            .uid(4343)
            .gid(4343);
        Outcome::of(&mut command, "").fails(1)
    };

    let story = as_stranger(&registry);
    assert!(!story.contains("admin\n"), "{story}");
    registry.stop();
    as_stranger(&registry);
    registry.start_again();
    registry.finish();
}
