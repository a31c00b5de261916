//! systemd, which is a client too: it starts the service, waits for its word, reloads and stops it.

use std::process::Command;

use harness::{Outcome, binary, tools};

#[test]
fn a_real_systemd_starts_reloads_and_stops_the_hardened_service() {
    let programs = ["systemctl", "unshare", "nsenter", "curl", "ip"];
    if tools::installed(programs).is_none() {
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
    let mut script = Command::new(format!("{folder}/systemd.sh"));
    script.arg(binary()).arg(format!("{folder}/../../systemd"));
    Outcome::of(&mut script, "").ok();
}
