//! How long a manifest takes while blobs stream: no download may hold up what others ask for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::content::{blob_path, manifest_path};
use crate::crowd;
use crate::download;
use crate::fleet::{Fleet, Login, Transport};
use crate::row::{Bench, Figure};

/// How many download at the same time.
const DOWNLOADS: usize = 4;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    let blob = blob_path(&fleet.content.large.digest());
    let manifest = manifest_path(fleet.content.image.digest().as_str());
    let (length, window) = (fleet.content.large.len(), bench.options.window);
    for (transport, on) in [(Transport::Plain, "plain"), (Transport::Tls, "tls")] {
        let title = format!(
            "Manifest GET by digest, {on}, with a token, one connection, beside {DOWNLOADS} downloads of {} MiB",
            length >> 20
        );
        let targets = fleet.targets(transport, Login::Token);
        bench.row(&format!("beside-{on}"), &title, &targets, |target, _| {
            let enough = AtomicBool::new(false);
            thread::scope(|scope| {
                for _ in 0..DOWNLOADS {
                    scope.spawn(|| {
                        while !enough.load(Ordering::Relaxed) {
                            download::once(target, &blob, length);
                        }
                    });
                }
                let sample = crowd::ask(target, &manifest, 1, window);
                enough.store(true, Ordering::Relaxed);
                sample.only(&[Figure::Requests, Figure::P50, Figure::P99])
            })
        });
    }
}
