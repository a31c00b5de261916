//! How long a manifest takes while blobs stream: no download may hold up what others ask for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::bench::Bench;
use crate::content::{blob_path, manifest_path};
use crate::crowd;
use crate::download;
use crate::fleet::Fleet;
use crate::sample::Figure;
use crate::target::{Login, Transport};

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    let blob = blob_path(&fleet.content.large.digest());
    let manifest = manifest_path(fleet.content.image.digest().as_str());
    let length = fleet.content.large.len();
    for (transport, on) in [(Transport::Plain, "plain"), (Transport::Tls, "tls")] {
        for downloads in [1, 4] {
            let name = format!("beside-{on}-{downloads}");
            let title = format!(
                "Manifest GET by digest, {on}, with a token, one connection, while clients loop over \
                 a blob of {} MiB: {downloads}",
                length >> 20
            );
            let targets = fleet.targets(transport, Login::Token);
            bench.row(&name, title, &targets, |target, turn| {
                let enough = AtomicBool::new(false);
                thread::scope(|scope| {
                    for _ in 0..downloads {
                        scope.spawn(|| {
                            while !enough.load(Ordering::Relaxed) {
                                download::once(target, &blob, length);
                            }
                        });
                    }
                    let sample = crowd::ask(target, &manifest, 1, turn.window);
                    enough.store(true, Ordering::Relaxed);
                    // What the processor did was mostly for the blobs.
                    sample.without(&[Figure::CpuPerRequest])
                })
            });
        }
    }
}
