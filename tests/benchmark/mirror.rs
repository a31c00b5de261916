//! `roadstead mirror image` beside `skopeo sync`: the same images, from the same distant upstream.
//!
//! A hundred images share their layers as images do: one base for all, one runtime for each ten. The
//! upstream answers every request 50 ms late and cuts one of its connections at random. Both bring the
//! set into a fresh Roadstead, in turn, and each round ends with every image read back. What counts is
//! the ratio: `cargo bench -p roadstead-tests --bench mirror -- --rounds 3`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{
    Anonymous, At, Chance, Fault, Format, Image, Noise, Outcome, Registry, Scratch, Subject,
    Upstream,
};

const IMAGES: u64 = 100;
const PER_RUNTIME: u64 = 10;
const BASE: u64 = 8 << 20;
const RUNTIME: u64 = 4 << 20;
const APP: u64 = 512 << 10;
const LATE: Duration = Duration::from_millis(50);

fn main() {
    let mut words = std::env::args()
        .skip_while(|word| word != "--rounds")
        .skip(1);
    let rounds: u64 = words
        .next()
        .map_or(3, |word| word.parse().expect("a number of rounds"));
    let images = images();
    let unique = BASE + RUNTIME * (IMAGES / PER_RUNTIME) + APP * IMAGES;
    println!(
        "{IMAGES} images, {} MiB once each layer is counted once; {} ms per request, one connection cut",
        unique >> 20,
        LATE.as_millis()
    );
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let ours = run(round, &images, roadstead);
        let theirs = run(round, &images, skopeo);
        let ratio = ours.seconds / theirs.seconds;
        println!(
            "round {round}: roadstead {:.2} s ({} requests, {} MiB), skopeo {:.2} s ({} requests, {} MiB), ratio {ratio:.3}",
            ours.seconds,
            ours.requests,
            ours.mebibytes,
            theirs.seconds,
            theirs.requests,
            theirs.mebibytes
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[ratios.len() / 2]);
}

/// What a round took, and what it cost the upstream.
struct Took {
    seconds: f64,
    requests: usize,
    mebibytes: u64,
}

fn run(round: u64, images: &[Image], bring: impl Fn(&Registry, &Upstream)) -> Took {
    let upstream = Upstream::start();
    for (number, image) in images.iter().enumerate() {
        upstream.put("team/app", &tag(number), image);
    }
    let cut = Chance::new(round).below(images.len());
    let (seen, size) = (Arc::new(AtomicUsize::new(0)), APP / 2);
    upstream.when(move |asked| {
        let is_layer = matches!(asked.subject(), Subject::Blob(..)) && asked.method == "GET";
        let is_cut = is_layer && seen.fetch_add(1, Ordering::Relaxed) == cut;
        let late = Fault::Delay(LATE);
        if is_cut {
            vec![late, Fault::Reset(At::Byte(size))]
        } else {
            vec![late]
        }
    });
    let config = format!(
        "[[upstream]]\nname = \"up.example\"\nurls = [\"{}\"]\n",
        upstream.url()
    );
    let registry = Registry::with()
        .config(config)
        .anonymous(Anonymous::Push)
        .start();
    let begun = Instant::now();
    bring(&registry, &upstream);
    let seconds = begun.elapsed().as_secs_f64();
    let client = registry.plain();
    for (number, image) in images.iter().enumerate() {
        let name = "up.example/team/app";
        let held = client.manifest(name, tag(number)).expect(200);
        assert_eq!(held.digest(), image.digest());
    }
    let took = Took {
        seconds,
        requests: upstream.asked().len(),
        mebibytes: upstream.sent() >> 20,
    };
    // skopeo leaves the upload behind that was cut.
    registry.finish();
    took
}

fn roadstead(registry: &Registry, _: &Upstream) {
    registry
        .command(&["mirror", "image", "up.example/team/app:*"], "")
        .ok();
}

fn skopeo(registry: &Registry, upstream: &Upstream) {
    let scratch = Scratch::new();
    let policy = scratch.file(
        "policy.json",
        r#"{ "default": [ { "type": "insecureAcceptAnything" } ] }"#,
    );
    let list = scratch.file(
        "sync.yml",
        format!(
            "{}:\n  tls-verify: false\n  images:\n    team/app: []\n",
            upstream.address()
        ),
    );
    let mut command = Command::new("skopeo");
    command.arg("--policy").arg(policy);
    command.args([
        "sync",
        "--retry-times",
        "3",
        "--src",
        "yaml",
        "--dest",
        "docker",
    ]);
    command.args([
        "--dest-tls-verify=false",
        "--dest-no-creds",
        "--all",
        "--preserve-digests",
    ]);
    command
        .arg(list)
        .arg(format!("{}/up.example/team", registry.plain_address()));
    Outcome::of(&mut command, "").ok();
}

fn tag(number: usize) -> String {
    format!("1.{number}")
}

fn images() -> Vec<Image> {
    let base = Noise::new(0, BASE).bytes();
    let runtimes: Vec<_> = (0..IMAGES / PER_RUNTIME)
        .map(|number| Noise::new(1_000 + number, RUNTIME).bytes())
        .collect();
    let image = |number: u64| {
        let runtime = &runtimes[usize::try_from(number / PER_RUNTIME).expect("a small number")];
        let app = Noise::new(2_000 + number, APP).bytes();
        let config = format!(
            "{{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{{}},\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[]}},\"author\":\"{number}\"}}"
        );
        Image::assemble(
            Format::Oci,
            config.into(),
            vec![base.clone(), runtime.clone(), app],
        )
    };
    (0..IMAGES).map(image).collect()
}
