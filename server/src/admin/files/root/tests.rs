//! What can be reached below a directory, and what cannot.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

fn said(root: &Root, operation: &Operation) -> Result<Said, Errno> {
    let done = root.carry_out_or_fail(operation, b"");
    done.map(|(said, _)| said)
}

fn path(path: &str) -> String {
    path.to_owned()
}

fn read(root: &Root, file: &str) -> Result<Bytes, Errno> {
    root.read(file, 0, LONGEST)
}

#[test]
fn nothing_outside_the_directory_is_reached() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("inside");
    fs::create_dir_all(inside.join("a/b")).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    fs::write(dir.path().join("outside/secret"), "secret").unwrap();
    symlink("../../outside", inside.join("a/out")).unwrap();
    symlink("../../outside/secret", inside.join("a/file")).unwrap();
    symlink("b", inside.join("a/near")).unwrap();
    fs::write(inside.join("a/b/own"), "own").unwrap();
    let root = Root::open(&inside).unwrap();
    assert_eq!(read(&root, "a/b/own").unwrap(), "own");
    for outside in [
        "../outside/secret",
        "a/../../outside/secret",
        "a/out/secret",
        "a/file",
        "a/near/own",
        "/etc/passwd",
        "a//b/own",
        "./a/b/own",
        "a/b/own/",
        "a/b\0/own",
        "",
    ] {
        read(&root, outside).expect_err(outside);
        let mode = 0o600;
        let (created, path) = (path(outside), path(outside));
        let create = Operation::Create {
            path: created,
            mode,
        };
        said(&root, &create).expect_err(outside);
        root.write(&path, 0, b"x").expect_err(outside);
    }
    for outside in ["../new", "a/out/new", "/tmp/new"] {
        said(
            &root,
            &Operation::MakeDir {
                path: path(outside),
            },
        )
        .expect_err(outside);
        let (from, to) = (path("a/b/own"), path(outside));
        said(&root, &Operation::Rename { from, to }).expect_err(outside);
        let (from, to) = (path("a/b/own"), path(outside));
        said(&root, &Operation::Link { from, to }).expect_err(outside);
        let (target, path) = (path("own"), path(outside));
        said(&root, &Operation::Symlink { target, path }).expect_err(outside);
    }
    let outside = dir.path().join("outside");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
}

#[test]
fn a_directory_that_loses_its_name_stays_the_one() {
    let dir = tempfile::tempdir().unwrap();
    let (here, moved) = (dir.path().join("here"), dir.path().join("moved"));
    let root = Root::make(&here.join("deep")).unwrap();
    fs::write(here.join("deep/file"), "first").unwrap();
    fs::rename(&here, &moved).unwrap();
    fs::create_dir_all(here.join("deep")).unwrap();
    fs::write(here.join("deep/file"), "second").unwrap();
    assert_eq!(read(&root, "file").unwrap(), "first");
}

#[test]
fn a_tree_is_built_and_told_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    said(&root, &Operation::MakeDir { path: path("a/b") }).unwrap();
    said(&root, &Operation::MakeDir { path: path("a/b") }).unwrap();
    let create = Operation::Create {
        path: path("a/b/.tmp"),
        mode: 0o644,
    };
    said(&root, &create).unwrap();
    assert_eq!(said(&root, &create), Err(Errno::EXIST));
    root.write("a/b/.tmp", 0, b"hello ").unwrap();
    root.write("a/b/.tmp", 6, b"world").unwrap();
    let (from, to) = (path("a/b/.tmp"), path("a/b/file"));
    said(&root, &Operation::Sync { path: from.clone() }).unwrap();
    said(&root, &Operation::Rename { from, to }).unwrap();
    let (from, to) = (path("a/b/file"), path("a/same"));
    said(&root, &Operation::Link { from, to }).unwrap();
    let (target, link) = (path("same"), path("a/link"));
    said(&root, &Operation::Symlink { target, path: link }).unwrap();
    said(&root, &Operation::Sync { path: path("") }).unwrap();
    assert_eq!(root.read("a/same", 6, 3).unwrap(), "wor");
    assert_eq!(root.read("a/same", 11, 3).unwrap(), "");
    let inode = |name| fs::metadata(dir.path().join(name)).unwrap().ino();
    assert_eq!(inode("a/b/file"), inode("a/same"));
    let listed: Vec<_> = root
        .list("a")
        .unwrap()
        .into_iter()
        .map(|it| (it.name, it.kind))
        .collect();
    let target = path("same");
    assert_eq!(
        listed,
        [
            (path("b"), Kind::Directory),
            (path("link"), Kind::Link { target }),
            (path("same"), Kind::File { size: 11 }),
        ]
    );
    for gone in ["a/link", "a/same", "a/b/file", "a/b", "a"] {
        said(&root, &Operation::Remove { path: path(gone) }).unwrap();
    }
    assert_eq!(root.list("").unwrap(), []);
}

#[test]
fn what_is_no_file_is_neither_read_nor_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    fs::create_dir(dir.path().join("dir")).unwrap();
    assert_eq!(read(&root, "fifo"), Err(Errno::INVAL));
    assert_eq!(read(&root, "dir"), Err(Errno::ISDIR));
    // No reader: opening it for writing does not wait for one.
    assert_eq!(root.write("fifo", 0, b"x"), Err(Errno::NXIO));
    assert_eq!(root.list("").unwrap()[1].kind, Kind::Other);
}
