//! A release of the size that releases have: 190 components that share layers, one layer of 1 GiB.
//!
//! Cut off in the middle, the second run fetches only the rest; memory stays small all the while; and its
//! time is told beside that of skopeo. `ROADSTEAD_LONG=1` for the whole size, less of each layer without.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::openshift::{Component, Release, Target as _, name};
use harness::tools::Containers;
use harness::upstream::Blob;
use harness::{Anonymous, Noise, Registry, Upstream, binary, eventually};
use serde_json::Value;

const MIB: u64 = 1024 * 1024;
/// What it may take at most.
const MEMORY: u64 = 150 * MIB;
/// As many as releases have.
const COMPONENTS: u64 = 190;
/// How many of their layers are shared, each by a part of the components.
const SHARED: u64 = 12;
/// What may be on its way twice: not yet in files when the server dies.
const SLACK: u64 = 24 * MIB;

/// Sizes of layers.
struct Sizes {
    largest: u64,
    shared: u64,
    own: u64,
}

impl Sizes {
    fn new() -> Self {
        if std::env::var_os("ROADSTEAD_LONG").is_some() {
            Self {
                largest: 1024 * MIB,
                shared: 64 * MIB,
                own: 2 * MIB,
            }
        } else {
            Self {
                largest: 64 * MIB,
                shared: 2 * MIB,
                own: MIB / 8,
            }
        }
    }
}

/// The release.
fn release() -> Release {
    let sizes = Sizes::new();
    let noise = |seed: u64, length: u64| Blob::from(Noise::new(seed, length));
    let shared: Vec<_> = (0..SHARED).map(|seed| noise(seed, sizes.shared)).collect();
    let component = |number: u64| {
        let own = if number == COMPONENTS / 2 {
            sizes.largest
        } else {
            sizes.own
        };
        let base =
            |step: u64| shared[usize::try_from(number * step % SHARED).expect("few")].clone();
        // All stand on the first; what is beneath is shared by many, what is above by few.
        let mut layers = vec![
            shared[0].clone(),
            base(1),
            base(5),
            noise(1000 + number, own),
        ];
        layers.dedup_by_key(|layer| layer.digest());
        Component::opaque(&format!("component-{number:03}"), &layers)
    };
    let recipe = Release::with("4.18.7");
    let components = (0..COMPONENTS).map(component);
    components
        .fold(recipe, harness::openshift::Recipe::component)
        .build()
}

/// An upstream that has it, each component under a tag too, as skopeo wants them.
fn upstream(release: &Release) -> Upstream {
    let upstream = Upstream::start();
    release.push(&upstream);
    for component in &release.components {
        upstream.take_manifest(name::COMPONENTS, &component.name, &component.manifest);
    }
    upstream
}

fn registry(upstream: &Upstream) -> Registry {
    let (name, url) = (name::QUAY, upstream.url());
    Registry::with()
        .config(format!(
            "[[upstream]]\nname = \"{name}\"\nurls = [\"{url}\"]\n"
        ))
        .anonymous(Anonymous::Push)
        .start()
}

fn begin(registry: &Registry) -> Child {
    let mut command = Command::new(binary());
    command.args([
        "mirror",
        "release",
        "4.18.7-x86_64",
        "--allow-unsigned",
        "--json",
    ]);
    command.arg("--data").arg(registry.data());
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
        .stderr(Stdio::null())
        .spawn()
        .expect("start a command")
}

/// How many bytes lie in all files below.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let entries = entries.filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            // It has just become something else.
            Err(_) => 0,
        })
        .sum()
}

/// How many bytes have arrived, in blobs and in what is still fetched.
fn arrived(registry: &Registry) -> u64 {
    let data = registry.data();
    bytes_below(&data.join("blobs")) + bytes_below(&data.join("fetches"))
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(MIB)
}

/// Runs to the end and hands out how long that took.
#[track_caller]
fn mirror(registry: &Registry) -> (Value, Duration) {
    let begun = Instant::now();
    let output = begin(registry)
        .wait_with_output()
        .expect("wait for a command");
    let took = begun.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    (serde_json::from_str(&text).expect("a document"), took)
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn a_release_of_full_size_is_resumed_after_a_kill_in_little_memory() {
    let release = release();
    let upstream = upstream(&release);
    let blobs = release
        .components
        .iter()
        .flat_map(|component| &component.blobs);
    let blobs = blobs.map(|blob| (blob.digest(), blob.len()));
    let total: u64 = blobs
        .collect::<std::collections::BTreeMap<_, _>>()
        .values()
        .sum();
    let mut registry = registry(&upstream);

    let mut child = begin(&registry);
    eventually("half of it has arrived", || arrived(&registry) > total / 2);
    let first_peak = registry.server().peak();
    registry.kill();
    assert!(!child.wait().expect("wait for a command").success());
    let (here, sent) = (arrived(&registry), upstream.sent());
    registry.start_again();
    let client = registry.plain();
    client
        .get(format!(
            "/v2/{}/manifests/{}",
            name::OUR_RELEASES,
            release.tag()
        ))
        .expect(404);

    let (report, took) = mirror(&registry);
    let fetched = upstream.sent() - sent;
    let peak = registry.server().peak().max(first_peak);
    println!(
        "a release of {} MiB: killed with {} MiB here, {} MiB fetched by the second run in {took:.1?}, \
         at most {} MiB resident",
        mib(total),
        mib(here),
        mib(fetched),
        mib(peak)
    );
    assert_eq!(report["result"], "done");
    assert!(
        fetched <= total - here + SLACK,
        "what was here is fetched again"
    );
    assert!(peak < MEMORY, "{} MiB resident", mib(peak));
    for (tag, digest) in release.component_tags() {
        let head = client.head(format!("/v2/{}/manifests/{tag}", name::OUR_COMPONENTS));
        assert_eq!(head.expect(200).digest(), digest);
    }
    registry.stop();
    harness::Truth::of(registry.data()).no_uploads();
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn a_release_is_fetched_once_and_how_long_that_takes_is_told_beside_skopeo() {
    let Some(containers) = Containers::new() else {
        return;
    };
    let release = release();
    let upstream = upstream(&release);
    let mut ours = registry(&upstream);
    let (report, took) = mirror(&ours);
    let fetched = upstream.sent();
    let peak = ours.server().peak();
    let bytes = report["totals"]["bytesFetched"].as_u64().expect("a number");
    println!(
        "mirror release of {} MiB in {COMPONENTS} components: {took:.1?}, {} MiB fetched, at most {} \
         MiB resident",
        mib(bytes),
        mib(fetched),
        mib(peak)
    );
    assert!(peak < MEMORY, "{} MiB resident", mib(peak));
    // Manifests and what the payload is read from come on top.
    assert!(fetched < bytes + 8 * MIB, "fetched more than once");
    ours.stop();

    let theirs = Registry::open();
    let source = format!("{}/{}", upstream.address(), name::COMPONENTS);
    let target = format!("{}/copy", theirs.plain_address());
    let words = ["sync", "--all", "--src", "docker", "--dest", "docker"];
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let sent = upstream.sent();
    let begun = Instant::now();
    let copied = containers.skopeo(&[&words[..], &plain, &[&source, &target]].concat());
    let took = begun.elapsed();
    copied.ok();
    println!(
        "skopeo sync of the same components into a registry like this: {took:.1?}, {} MiB fetched",
        mib(upstream.sent() - sent)
    );
    drop(theirs);
}
