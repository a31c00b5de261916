//! A whole image by a real client: skopeo pushes and pulls one of twenty layers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use harness::tools::installed;
use harness::{Format, Image, Noise, Scratch};

use crate::fleet::{Fleet, Login, Target, Transport};
use crate::row::{Bench, Figure, Sample, Watch};

const LAYERS: u64 = 20;
/// Each layer, in bytes.
const LAYER: u64 = 4 << 20;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    if !bench.options.wants("image") {
        return;
    }
    let Some([skopeo]) = installed(["skopeo"]) else {
        return;
    };
    let scratch = Scratch::new();
    let layers = (0..LAYERS).map(|number| Noise::new(500 + number, LAYER).bytes());
    let config = Bytes::from_static(b"{\"architecture\":\"amd64\",\"os\":\"linux\"}");
    let image = Image::assemble(Format::Oci, config, layers.collect());
    let dir = lay_out(&scratch, &image);
    let size = (LAYERS * LAYER) >> 20;
    let targets = |repository: &str| fleet.registries(Transport::Plain, Login::Token, repository);
    let title = format!("Push of an image of {LAYERS} layers, {size} MiB, by skopeo");
    let measured = targets("bench/images");
    bench.row("image-push", &title, &measured, |target, round| {
        copy(&skopeo, target, |there| {
            (format!("dir:{}", dir.display()), format!("{there}:{round}"))
        })
    });
    let title = format!("Pull of an image of {LAYERS} layers, {size} MiB, by skopeo");
    let measured = targets("bench/images");
    bench.row("image-pull", &title, &measured, |target, round| {
        let copied = scratch.dir(format!("copied/{}-{round}", target.name));
        let sample = copy(&skopeo, target, |there| {
            (format!("{there}:0"), format!("dir:{}", copied.display()))
        });
        std::fs::remove_dir_all(copied).expect("a directory of ours");
        sample
    });
}

/// The image as a directory that skopeo reads.
fn lay_out(scratch: &Scratch, image: &Image) -> PathBuf {
    for blob in image.layers.iter().chain([&image.config]) {
        scratch.file(format!("image/{}", harness::Digest::of(blob).hex()), blob);
    }
    scratch.file("image/version", "Directory Transport Version: 1.1\n");
    scratch.file("image/manifest.json", &image.manifest.bytes);
    scratch.join("image")
}

/// Copies from one to the other, in a home that remembers nothing of earlier copies.
fn copy(skopeo: &Path, target: &Target, ways: impl Fn(&str) -> (String, String)) -> Sample {
    let home = Scratch::new();
    let (from, to) = ways(&format!("docker://{}/bench/images", target.address));
    let token = target.token.as_deref().expect("a login is wanted");
    let watch = Watch::begin(target);
    let done = Command::new(skopeo)
        .args(["copy", "--quiet", "--insecure-policy"])
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
        .stdin(Stdio::null())
        .output()
        .expect("run skopeo");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{} of {}: {said}",
        target.name,
        target.address
    );
    let figures = [Figure::Seconds, Figure::Cpu, Figure::Resident];
    watch.end(vec![0.0]).only(&figures)
}
