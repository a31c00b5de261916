//! `release extract`: programs, filled in and ready to be run.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use harness::openshift::{Program, Release, name};
use harness::{Registry, Scratch};

use super::{address, document, holding};

/// `release extract` into a directory that is not there yet.
#[track_caller]
fn extract(registry: &Registry, scratch: &Scratch, words: &[&str]) -> PathBuf {
    let to = scratch.join("tools");
    let words = [
        &["extract", "4.18.7"],
        words,
        &["--to", to.to_str().expect("a directory of plain names")],
    ]
    .concat();
    document(registry, &words, 0);
    to
}

fn names(directory: &PathBuf) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory of plain names");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("a directory of plain names")
                .file_name()
                .into_string()
                .expect("a directory of plain names")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn an_installer_names_the_release_as_this_registry_does() {
    let release = Release::typical().build();
    let registry = holding(&[&release]);
    let scratch = Scratch::new();

    let to = extract(&registry, &scratch, &["--command", "openshift-install"]);

    let image = format!(
        "{}/{}@{}",
        address(&registry),
        name::OUR_RELEASES,
        release.digest()
    );
    let expected = Program::installer(2).extracted(&image, "4.18.7", "linux/amd64");
    assert_eq!(names(&to), ["openshift-install"]);
    let file = to.join("openshift-install");
    assert!(fs::read(&file).unwrap() == expected);
    assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o755);
    registry.finish();
}

#[test]
fn an_installer_names_the_release_as_its_source_does_if_that_is_wanted() {
    let release = Release::typical().build();
    let mut registry = holding(&[&release]);
    let image = format!("{}/{}@{}", name::QUAY, name::RELEASES, release.digest());
    let expected = Program::installer(2).extracted(&image, "4.18.7", "linux/amd64");
    for has_server in [true, false] {
        if !has_server {
            registry.stop();
        }
        let scratch = Scratch::new();
        let words = ["--command", "openshift-install", "--source"];
        let to = extract(&registry, &scratch, &words);
        assert!(fs::read(to.join("openshift-install")).unwrap() == expected);
    }
    registry.start_again();
    registry.finish();
}

#[test]
fn oc_is_kubectl_too() {
    let release = Release::typical().build();
    let registry = holding(&[&release]);
    let scratch = Scratch::new();
    let to = extract(&registry, &scratch, &["--command", "oc"]);
    assert_eq!(names(&to), ["kubectl", "oc"]);
    let inode = |name: &str| fs::metadata(to.join(name)).unwrap().ino();
    assert_eq!(inode("oc"), inode("kubectl"));
    let expected = Program::client(1).extracted("", "4.18.7", "");
    assert!(fs::read(to.join("oc")).unwrap() == expected);
    registry.finish();
}

#[test]
fn what_a_release_does_not_have_is_told_and_nothing_is_left() {
    let release = Release::typical().build();
    let registry = holding(&[&release]);
    let scratch = Scratch::new();
    let to = scratch.dir("tools");
    let fails = |words: &[&str], code: i32| {
        let words = [&["release", "extract", "4.18.7", "--command"], words].concat();
        let words = [&words[..], &["--to", to.to_str().unwrap()]].concat();
        registry.command(&words, "").fails(code)
    };
    let said = fails(&["ccoctl"], 1);
    assert!(
        said.contains("no component cloud-credential-operator"),
        "{said}"
    );
    let said = fails(&["ccoctl", "--os", "mac"], 64);
    assert!(said.contains("have no ccoctl for mac/amd64"), "{said}");
    fails(&["kubeadm"], 64);
    fails(&["oc", "--os", "beos"], 64);

    // A layer that is no longer what it was never becomes a program.
    let manifest = release.component("cli").manifest.json();
    let layers = manifest["layers"].as_array().unwrap();
    let layer = layers.last().unwrap()["digest"].as_str().unwrap();
    let hex = layer.strip_prefix("sha256:").unwrap();
    let path = registry
        .data()
        .join("blobs/sha256")
        .join(&hex[..2])
        .join(hex);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    fails(&["oc"], 1);
    assert_eq!(names(&to), Vec::<String>::new());
}
