//! A whole image by a real client: skopeo pushes and pulls one of twenty layers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use harness::tools::at_hand;
use harness::{Digest, Format, Image, Noise, Scratch};

use crate::bench::Bench;
use crate::fleet::Fleet;
use crate::machine::Machine;
use crate::sample::{Sample, Watch};
use crate::target::{Login, Target, Transport};

const REPOSITORY: &str = "bench/images";
const LAYERS: u64 = 20;
/// Each layer, in bytes.
const LAYER: u64 = 4 << 20;
/// Where the seeds begin; no other content has them.
const SEEDS: u64 = 100_000;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet, machine: &Machine) {
    if !bench.options.wants("image-push") && !bench.options.wants("image-pull") {
        return;
    }
    let Some(skopeo) = at_hand("skopeo") else {
        return;
    };
    let scratch = Scratch::new();
    let size = (LAYERS * LAYER) >> 20;
    let targets = fleet.registries(Transport::Plain, Login::Token, REPOSITORY);
    let title = format!("Push of an image of {LAYERS} new layers, {size} MiB, plain, by skopeo");
    bench.row("image-push", title, &targets, |target, turn| {
        let image = lay_out(&scratch, &image(turn.round as u64 + 1));
        machine.settle();
        let sample = copy(&skopeo, target, |there| {
            (
                format!("dir:{}", image.display()),
                format!("{there}:{}", turn.round),
            )
        });
        fs::remove_dir_all(image).expect("a directory of ours");
        sample
    });
    let title = format!("Pull of an image of {LAYERS} layers, {size} MiB, plain, by skopeo");
    let held = image(0);
    if bench.options.wants("image-pull") {
        for target in &targets {
            held.push(&target.client(), REPOSITORY, "held").expect(201);
        }
    }
    bench.row("image-pull", title, &targets, |target, _| {
        let here = scratch.dir("pulled");
        machine.settle();
        let sample = copy(&skopeo, target, |there| {
            (format!("{there}:held"), format!("dir:{}", here.display()))
        });
        fs::remove_dir_all(here).expect("a directory of ours");
        sample
    });
}

/// An image, none of whose layers another has.
fn image(number: u64) -> Image {
    let first = SEEDS + number * LAYERS;
    let layers = (first..first + LAYERS).map(|seed| Noise::new(seed, LAYER).bytes());
    let config = format!("{{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"{number}\"}}");
    Image::assemble(Format::Oci, Bytes::from(config), layers.collect())
}

/// The image as a directory that skopeo reads.
fn lay_out(scratch: &Scratch, image: &Image) -> PathBuf {
    for blob in image.layers.iter().chain([&image.config]) {
        scratch.file(format!("image/{}", Digest::of(blob).hex()), blob);
    }
    scratch.file("image/version", "Directory Transport Version: 1.1\n");
    scratch.file("image/manifest.json", &image.manifest.bytes);
    scratch.join("image")
}

/// Copies from one to the other, in a home that remembers nothing of earlier copies.
fn copy(skopeo: &Path, target: &Target, ways: impl Fn(&str) -> (String, String)) -> Sample {
    let home = Scratch::new();
    let (from, to) = ways(&format!("docker://{}/{REPOSITORY}", target.address));
    let token = target.token.as_deref().expect("a login is wanted");
    let watch = Watch::begin(target.pid);
    let done = Command::new(skopeo)
        .args(["--insecure-policy", "copy", "--quiet", "--preserve-digests"])
        .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([
            "--src-registry-token",
            token,
            "--dest-registry-token",
            token,
        ])
        .args([from, to])
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env("XDG_DATA_HOME", home.path())
        // Otherwise it notes, as root, which registry has which blob under /var/lib/containers.
        .env("_CONTAINERS_ROOTLESS_UID", "1")
        .stdin(Stdio::null())
        .output()
        .expect("run skopeo");
    let sample = watch.end();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{} of {}: {said}",
        target.name,
        target.address
    );
    sample
}
