//! Images on media, by commands beside a server and without one.

mod owner;
mod round;

use harness::openshift::{Component, OcTree, Target as _};
use harness::{Format, Image, Registry, Scratch};

/// An image in a tree as oc writes it, at `a/b:1`.
fn tree(scratch: &Scratch) -> (OcTree, Image) {
    let tree = OcTree::at(scratch.join("media"));
    let image = Image::new(Format::Docker, "carried");
    Component::image("carried", &image).push(&tree, "a/b");
    tree.take_manifest("a/b", "1", &image.manifest);
    (tree, image)
}

/// Imports a tree, and returns the document that the command prints.
#[track_caller]
fn import(registry: &Registry, tree: &OcTree) -> serde_json::Value {
    let dir = tree.path().to_str().expect("a path of text");
    let told = registry
        .command(&["mirror", "import", dir, "--json"], "")
        .ok();
    serde_json::from_str(&told).expect("a document")
}

/// Exports everything, and returns the document that the command prints.
#[track_caller]
fn export(registry: &Registry, tree: &OcTree) -> serde_json::Value {
    let dir = tree.path().to_str().expect("a path of text");
    let told = registry
        .command(&["mirror", "export", dir, "--json"], "")
        .ok();
    serde_json::from_str(&told).expect("a document")
}
