//! A registry with a hundred thousand tags is ready at once and idles as an empty one does.
//!
//! The store is made by copying what one push wrote: a repository, and a tag in it. The names of both are
//! those of their files and stand nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Anonymous, Format, Image, Registry};

const REPOSITORIES: usize = 1000;
const TAGS_OF_EACH: usize = 100;
/// How soon it is ready after a stop in order, and lists all repositories.
const SOON: Duration = Duration::from_secs(1);
/// How much more memory it takes than an empty one, at most.
const MORE: u64 = 2 * 1024 * 1024;

/// Makes a thousand repositories like the one that is there, with a hundred tags each.
fn multiply(data: &Path) {
    let repos = data.join("repos");
    let pattern = repos.join("team/app");
    let tag = fs::read(pattern.join("_tags/v0")).expect("was pushed");
    for number in 0..REPOSITORIES {
        let copy = repos.join(format!("team/app-{number}"));
        copy_folder(&pattern, &copy);
        for number in 1..TAGS_OF_EACH {
            fs::write(copy.join(format!("_tags/v{number}")), &tag).expect("is written");
        }
    }
    fs::remove_dir_all(&pattern).expect("is there");
    // It is made anew from the files.
    fs::remove_dir_all(data.join("index")).expect("is there");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("is made");
    for entry in fs::read_dir(from).expect("is a folder") {
        let entry = entry.expect("can be read").path();
        let copy = to.join(entry.file_name().expect("has a name"));
        if entry.is_dir() {
            copy_folder(&entry, &copy);
        } else {
            fs::copy(&entry, &copy).expect("is copied");
        }
    }
}

/// How many repositories the catalog lists, over all its pages; none while it is being made.
fn listed(registry: &Registry) -> usize {
    let client = registry.admin();
    let mut names = BTreeSet::<String>::new();
    loop {
        let after = names
            .last()
            .map_or_else(String::new, |last| format!("&last={last}"));
        let page = client.get(format!("/v2/_catalog?n=500{after}"));
        if page.status != 200 {
            return 0;
        }
        let page = page.json();
        let page = page["repositories"].as_array().expect("a list of names");
        let before = names.len();
        names.extend(
            page.iter()
                .filter_map(|name| name.as_str())
                .map(str::to_owned),
        );
        if names.len() == before {
            return before;
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn a_registry_with_100_000_tags_is_ready_within_a_second_and_idles_as_an_empty_one() {
    let mut registry = Registry::with().anonymous(Anonymous::Push).start();
    let image = Image::new(Format::Oci, "one of many");
    let pushed = image.push(&registry.client(), "team/app", "v0");
    pushed.expect(201);
    registry.restart();
    registry.client().get("/readyz").expect(200);
    let empty = registry.server().resident();
    registry.stop();
    multiply(registry.data());
    registry.start_again();
    while listed(&registry) < REPOSITORIES {
        assert!(registry.server().is_running());
    }
    registry.stop();

    let begun = Instant::now();
    registry.start_again();
    registry.client().get("/readyz").expect(200);
    let ready = begun.elapsed();
    let resident = registry.server().resident();
    let tags = registry.client().get("/v2/team/app-999/tags/list?n=1000");
    let tags = tags.expect(200).json();
    assert_eq!(tags["tags"].as_array().map(Vec::len), Some(TAGS_OF_EACH));
    assert_eq!(listed(&registry), REPOSITORIES);

    let more = resident.saturating_sub(empty);
    println!(
        "100,000 tags: ready in {ready:.1?}, {} KiB more resident than with one",
        more / 1024
    );
    assert!(ready < SOON, "{ready:?}");
    assert!(more < MORE, "{more} bytes");
    registry.stop();
}
