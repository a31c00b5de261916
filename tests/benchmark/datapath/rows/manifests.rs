//! Manifests, by tag and by digest: what every pull and every node begins with.

use crate::bench::Bench;
use crate::content::{TAG, manifest_path};
use crate::crowd;
use crate::fleet::Fleet;
use crate::target::{Login, Transport};

const CONNECTIONS: usize = 32;

pub(super) fn run(bench: &mut Bench<'_>, fleet: &Fleet) {
    let digest = fleet.content.image.digest();
    let by_tag = manifest_path(TAG);
    let by_digest = manifest_path(digest.as_str());
    let many = bench.options.many;
    for (transport, on) in [(Transport::Plain, "plain"), (Transport::Tls, "tls")] {
        for (login, who, suffix) in [
            (Login::Token, "with a token", ""),
            (Login::Anonymous, "anonymous", "-anonymous"),
        ] {
            for (path, by) in [(&by_tag, "tag"), (&by_digest, "digest")] {
                let name = format!("manifest-{by}-{on}{suffix}");
                let title = format!("Manifest GET by {by}, {on}, {who}, {CONNECTIONS} connections");
                let targets = fleet.targets(transport, login);
                bench.row(&name, title, &targets, |target, turn| {
                    crowd::ask(target, path, CONNECTIONS, turn.window)
                });
            }
        }
        let name = format!("manifest-many-{on}");
        let title = format!("Manifest GET by digest, {on}, with a token, {many} connections");
        let targets = fleet.targets(transport, Login::Token);
        bench.row(&name, title, &targets, |target, turn| {
            crowd::ask(target, &by_digest, many, turn.window)
        });
    }
}
