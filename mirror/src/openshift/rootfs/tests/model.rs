//! Layers made at random, read by the program and unpacked by a plain model of what layers mean.

use std::collections::BTreeMap;

use harness::Chance;

use super::*;

/// So many images are tried.
const IMAGES: u64 = 30;
/// Of so few names that layers get in each other's way.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// What lies at a path of the model; nothing stands for a directory.
type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// Takes away what lies at a path, and below it.
fn remove(tree: &mut Tree, path: &str) {
    tree.retain(|it, _| !path::is_within(it, path));
}

/// Makes a directory, and those that it lies in.
fn make_directories(tree: &mut Tree, path: &str) {
    for dir in path::upwards(path).filter(|dir| !dir.is_empty()) {
        // A file gives way.
        tree.entry(dir.to_owned())
            .and_modify(|it| *it = None)
            .or_insert(None);
    }
}

/// What a path lies in.
fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn random_path(chance: &mut Chance) -> String {
    let depth = 1 + chance.below(3);
    let names = (0..depth).filter_map(|_| chance.pick(NAMES.iter().copied()));
    let mut path = vec!["d"];
    path.extend(names);
    path.join("/")
}

/// One layer: what it takes away, and what it has, none of which lies in one of its files.
fn random_layer(chance: &mut Chance, tree: &mut Tree, number: usize) -> Vec<u8> {
    let mut own = Tree::new();
    let mut gone = Vec::new();
    for entry in 0..=chance.below(5) {
        let path = random_path(chance);
        match chance.below(5) {
            0 => {
                let dir = directory(&path);
                let name = &path[dir.len() + 1..];
                gone.push((format!("{dir}/.wh.{name}"), path));
            }
            1 => gone.push((format!("{path}/.wh..wh..opq"), path)),
            kind => {
                let in_file = path::upwards(&path)
                    .skip(1)
                    .any(|it| matches!(own.get(it), Some(Some(_))));
                let over = own.keys().any(|it| path::is_within(it, &path));
                if !in_file && !over {
                    let text = format!("{number} {entry}").into_bytes();
                    own.insert(path, (kind > 2).then_some(text));
                }
            }
        }
    }
    for (marker, path) in &gone {
        remove(tree, path);
        make_directories(tree, directory(marker));
    }
    for (path, it) in &own {
        make_directories(tree, directory(path));
        if it.is_some() {
            remove(tree, path);
        }
        // A directory leaves what a lower directory has, and takes the place of a file.
        tree.insert(path.clone(), it.clone());
    }
    let mut entries = Vec::new();
    entries.extend(gone.iter().map(|(marker, _)| It::File(marker, b"")));
    entries.extend(own.iter().map(|(path, it)| match it {
        Some(text) => It::File(path, text),
        None => It::Dir(path),
    }));
    archive(&entries)
}

#[tokio::test]
async fn files_are_those_that_unpacking_all_layers_would_give() {
    let lab = Lab::new().await;
    let mut seen = 0;
    for seed in 0..IMAGES {
        let mut chance = Chance::new(seed);
        let mut tree = Tree::new();
        let layers: Vec<_> = (0..=chance.below(4))
            .map(|number| random_layer(&mut chance, &mut tree, number))
            .collect();
        let image = lab.image(&layers).await;
        let expected: Vec<_> = tree
            .into_iter()
            .filter_map(|(path, it)| Some((path, it?)))
            .collect();
        let files = lab.below(&image, "d").await.unwrap();
        assert_eq!(files, expected, "seed {seed}");
        for (path, text) in &expected {
            assert_eq!(lab.file(&image, path).await.unwrap(), *text, "seed {seed}");
        }
        let path = random_path(&mut chance);
        let is_there = expected.iter().any(|(it, _)| *it == path);
        let found = lab.file(&image, &path).await.is_ok();
        assert_eq!(found, is_there, "seed {seed}: {path}");
        seen += expected.len();
    }
    assert!(seen > 30, "{seen} files are hardly any");
}
