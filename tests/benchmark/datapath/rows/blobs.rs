//! Blobs, large and small.

use crate::bench::Bench;
use crate::content::blob_path;
use crate::crowd;
use crate::download;
use crate::fleet::Fleet;
use crate::target::{Login, Transport};

const SMALL_CONNECTIONS: usize = 32;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    let large = blob_path(&fleet.content.large.digest());
    let small = blob_path(&fleet.content.small.digest());
    let length = fleet.content.large.len();
    for (transport, on) in [(Transport::Plain, "plain"), (Transport::Tls, "tls")] {
        for connections in [1, 4, 16] {
            let name = format!("blob-{on}-{connections}");
            let title = format!(
                "Blob GET of {} MiB, {on}, with a token, connections: {connections}",
                length >> 20
            );
            let targets = fleet.targets(transport, Login::Token);
            bench.row(&name, title, &targets, |target, turn| {
                download::again(target, &large, length, connections, turn.window)
            });
        }
        let name = format!("blob-small-{on}");
        let title =
            format!("Blob GET of 10 KiB, {on}, with a token, {SMALL_CONNECTIONS} connections");
        let targets = fleet.targets(transport, Login::Token);
        bench.row(&name, title, &targets, |target, turn| {
            crowd::ask(target, &small, SMALL_CONNECTIONS, turn.window)
        });
    }
}
