//! `mirror samples`: which streams a release has, and where their images lie.

use harness::openshift::{Component, Release, Stream, name, samples_operator};
use harness::{Digest, Format, Image};
use serde_json::{Value, json};

use super::World;
use crate::mirror::tag;

const WORDS: [&str; 2] = ["samples", "4.18.7-x86_64"];

/// Where each image lies upstream, its tag there, and where it lies here: what a cluster makes of it.
const IMAGES: [(usize, &str, &str); 5] = [
    (0, "ubi9/nodejs-20", "latest"),
    (0, "ubi8/nodejs-18", "1-100"),
    (1, "ubi8/nodejs-18-minimal", "latest"),
    (0, "rhel9/postgresql-15", "latest"),
    (1, "rhscl/postgresql-10-rhel7", "latest"),
];

fn streams() -> [Stream; 2] {
    let [io, access] = name::RED_HAT;
    let nodejs = Stream::new("nodejs")
        .tag("20-ubi9", &format!("{io}/ubi9/nodejs-20:latest"))
        .tag("18-ubi8", &format!("{io}/ubi8/nodejs-18:1-100"))
        // Without a tag, which means the latest.
        .tag("18-minimal", &format!("{access}/ubi8/nodejs-18-minimal"))
        .alias("latest", "20-ubi9");
    let postgresql = Stream::new("postgresql")
        .tag("15-el9", &format!("{io}/rhel9/postgresql-15:latest"))
        .tag(
            "10-el7",
            &format!("{access}/rhscl/postgresql-10-rhel7:latest"),
        )
        .alias("latest", "15-el9");
    [nodejs, postgresql]
}

fn image(name: &str) -> Image {
    Image::new(Format::Docker, name)
}

fn release(operator: Component) -> Release {
    let other = Component::small("etcd");
    Release::with("4.18.7")
        .component(other)
        .component(operator)
        .build()
}

/// A world with a release that has samples, all of whose images are there.
#[track_caller]
fn world() -> Option<World> {
    let world = World::of(&release(samples_operator("x86_64", &streams())))?;
    for (registry, name, tag) in IMAGES {
        world.red_hat[registry].put(name, tag, &image(name));
    }
    Some(world)
}

/// Insists that of all images exactly these lie here, below this.
#[track_caller]
fn check_images(world: &World, prefix: &str, expected: impl Fn(&str) -> bool) {
    let client = world.registry.plain();
    for (_, name, reference) in IMAGES {
        let found = tag(&client, &format!("{prefix}{name}"), reference);
        let expected = expected(name).then(|| image(name).digest());
        assert_eq!(found, expected, "{name}");
    }
}

/// The streams of a document: for each its name, its number of images and what of them is missing.
fn standing(document: &Value) -> Vec<(String, u64, Vec<String>)> {
    let streams = document["streams"].as_array().expect("streams");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = |stream: &Value| {
        let missing = stream["missing"].as_array();
        let missing = missing.map(|names| names.iter().map(text).collect());
        let images = stream["images"].as_u64().expect("a number");
        (text(&stream["name"]), images, missing.unwrap_or_default())
    };
    streams.iter().map(of).collect()
}

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&WORDS[..], more].concat()
}

#[test]
fn without_a_choice_the_streams_are_listed_and_nothing_is_copied() {
    let Some(world) = world() else {
        return;
    };
    let told = world.mirror(&WORDS).ok();
    assert!(
        told.contains("nodejs") && told.contains("postgresql"),
        "{told}"
    );
    let listed = standing(&world.document(&WORDS, 0));
    let numbers: Vec<_> = listed
        .iter()
        .map(|(name, images, _)| (&**name, *images))
        .collect();
    assert_eq!(numbers, [("nodejs", 3), ("postgresql", 2)]);
    world.check_that_nothing_is_here();
}

#[test]
fn all_samples_lie_where_a_cluster_looks_for_them() {
    let Some(mut world) = world() else {
        return;
    };
    let report = world.document(&words(&["--all"]), 0);
    assert_eq!(report["result"], "done");
    let whole = [("nodejs", 3), ("postgresql", 2)];
    let whole = whole.map(|(name, images)| (name.to_owned(), images, Vec::new()));
    assert_eq!(standing(&report), whole);
    check_images(&world, "", |_| true);
    let truth = world.registry.check();
    world.registry.stop();
    world.registry.start_again();
    let report = world.document(&words(&["--all"]), 0);
    assert_eq!(report["totals"]["copied"], 0);
    assert_eq!(world.registry.check(), truth);
    world.registry.finish().no_uploads();
}

#[test]
fn only_the_streams_that_are_wanted_are_copied() {
    let Some(world) = world() else {
        return;
    };
    world.document(&words(&["--stream", "nodejs"]), 0);
    check_images(&world, "", |name| name.contains("nodejs"));
    let told = world.mirror(&words(&["--stream", "cobol"]));
    assert!(told.failed().contains("cobol"));
    world.registry.finish().no_uploads();
}

#[test]
fn samples_may_lie_below_a_name() {
    let Some(world) = world() else {
        return;
    };
    world.document(&words(&["--all", "--to", "mirrored/samples"]), 0);
    check_images(&world, "mirrored/samples/", |_| true);
    check_images(&world, "", |_| false);
    world.registry.finish().no_uploads();
}

#[test]
fn what_no_longer_is_there_is_named_and_does_no_harm() {
    let Some(world) = world() else {
        return;
    };
    let gone = "rhscl/postgresql-10-rhel7";
    world.red_hat[1].remove_repository(gone);
    let report = world.document(&words(&["--all"]), 0);
    let expected = [
        ("nodejs".to_owned(), 3, Vec::new()),
        (
            "postgresql".to_owned(),
            2,
            vec![format!("{}/{gone}:latest", name::RED_HAT[1])],
        ),
    ];
    assert_eq!(standing(&report), expected);
    check_images(&world, "", |name| name != gone);
    let told = world.mirror(&words(&["--all"])).ok();
    assert!(told.contains(gone), "{told}");
    world.registry.finish().no_uploads();
}

#[test]
fn what_cannot_be_had_for_another_cause_is_a_failure() {
    let Some(world) = world() else {
        return;
    };
    let layer = Digest::of(&image("ubi9/nodejs-20").layers[0]);
    world.red_hat[0].put_blob_as("ubi9/nodejs-20", &layer, "another content altogether");
    let report = world.document(&words(&["--all"]), 2);
    let streams = standing(&report);
    assert_eq!(streams[0].2.len(), 1, "{streams:?}");
    assert_eq!(streams[1].2.len(), 0, "{streams:?}");
    check_images(&world, "", |name| name != "ubi9/nodejs-20");
    world.registry.finish().no_uploads();
}

#[test]
fn a_dry_run_of_samples_says_what_it_would_take_and_takes_nothing() {
    let Some(world) = world() else {
        return;
    };
    let plan = world.document(&words(&["--all", "--dry-run"]), 0);
    assert_eq!(plan["dryRun"], true);
    assert_eq!(plan["totals"]["copy"], IMAGES.len());
    world.check_that_nothing_is_here();
}

#[test]
fn the_config_map_of_a_cluster_says_as_much_as_a_release() {
    let [io, _] = name::RED_HAT;
    let object = json!({
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {
            "name": "imagestreamtag-to-image",
            "namespace": "openshift-cluster-samples-operator",
        },
        "data": {
            "nodejs_20-ubi9": format!("{io}/ubi9/nodejs-20:latest"),
            "postgresql_15-el9": format!("{io}/rhel9/postgresql-15:latest"),
        },
    });
    let yaml = format!(
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  nodejs_20-ubi9: {io}/ubi9/nodejs-20:latest\n  \
         postgresql_15-el9: {io}/rhel9/postgresql-15:latest\nmetadata:\n  \
         name: imagestreamtag-to-image\n  namespace: openshift-cluster-samples-operator\n"
    );
    for text in [object.to_string(), yaml] {
        let Some(world) = world() else {
            return;
        };
        let file = world.registry.scratch().file("configmap", text);
        let file = file.to_str().expect("a path of text");
        let words = ["samples", "--configmap", file, "--stream", "nodejs"];
        let report = world.document(&words, 0);
        assert_eq!(standing(&report), [("nodejs".to_owned(), 1, Vec::new())]);
        check_images(&world, "", |name| name == "ubi9/nodejs-20");
        world.document(&["samples", "--configmap", file, "--all"], 0);
        let is_named = |name: &str| matches!(name, "ubi9/nodejs-20" | "rhel9/postgresql-15");
        check_images(&world, "", is_named);
        assert_eq!(world.quay.asked().len(), 0, "no release is needed");
        world.registry.finish().no_uploads();
    }
}

#[test]
fn the_path_of_a_sample_is_what_clusters_make_of_it() {
    let image = image("a sample");
    let check = |source: &str, registry: &str, path: &str| {
        let streams = [Stream::new("sample").tag("1", source)];
        let release = release(samples_operator("x86_64", &streams));
        let extra = harness::Upstream::start();
        let url = extra.url();
        let config = format!(
            "[[upstream]]\nname = \"docker.io\"\nurls = [\"{url}\"]\n\
             [[upstream]]\nname = \"other.example\"\nurls = [\"{url}\"]\n"
        );
        let Some(world) = World::with(&release, &config) else {
            return;
        };
        let name = source.strip_prefix(registry).expect("a source there");
        let name = name.trim_start_matches('/');
        let (name, reference) = name.split_once(':').expect("a tag");
        let upstream = if registry == name::QUAY {
            &world.quay
        } else {
            &extra
        };
        upstream.put(name, reference, &image);
        world.document(&words(&["--all"]), 0);
        let found = tag(&world.registry.plain(), path, reference);
        assert_eq!(found, Some(image.digest()), "{source}");
        world.registry.finish().no_uploads();
    };
    check("quay.io/team/app:1", "quay.io", "team/app");
    check("docker.io/team/app:1", "docker.io", "team/app");
    // Unknown registries are left out too, where the path has two parts.
    check("other.example/team/app:1", "other.example", "team/app");
    // With more or fewer parts all of it is the path.
    check(
        "quay.io/team/app/part:1",
        "quay.io",
        "quay.io/team/app/part",
    );
    check("other.example/app:1", "other.example", "other.example/app");
}

#[test]
fn samples_of_another_architecture_are_not_taken_for_ours() {
    let operator = samples_operator("aarch64", &streams()[..1]);
    let release = release(operator);
    let Some(world) = World::of(&release) else {
        return;
    };
    // A release for x86_64 has none for others but by mistake: what is not there is said.
    let told = world.mirror(&words(&["--all"])).fails(1);
    assert!(told.contains("opt/openshift/operator/x86_64"), "{told}");
    world.check_that_nothing_is_here();
}

#[test]
fn streams_that_are_not_what_they_should_be_are_refused() {
    let check = |path: &str, text: &str| {
        let layer = harness::layer::Tar::new().file(path, text).gzip();
        let name = "cluster-samples-operator";
        let operator = Component::layers(name, Format::Docker, "amd64", vec![layer]);
        let Some(world) = World::of(&release(operator)) else {
            return;
        };
        let told = world.mirror(&words(&["--all"])).fails(1);
        assert!(told.starts_with("error: "), "{told}");
        world.check_that_nothing_is_here();
    };
    let home = "opt/openshift/operator/x86_64/bad/imagestreams/bad.json";
    check(home, "not JSON");
    check(home, &" ".repeat(64 << 20));
}

#[test]
fn a_release_without_samples_has_none() {
    let release = Release::with("4.18.7")
        .component(Component::small("etcd"))
        .build();
    let Some(world) = World::of(&release) else {
        return;
    };
    let told = world.mirror(&words(&["--all"])).fails(1);
    assert!(told.contains("cluster-samples-operator"), "{told}");
    world.check_that_nothing_is_here();
}
