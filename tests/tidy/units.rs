//! The unit files: systemd must find nothing to say about them.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use harness::{Outcome, Scratch};

use crate::source::root;

#[test]
fn systemd_accepts_the_unit_files() {
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        // Not through `eprintln`, which the test runner would keep to itself.
        drop(writeln!(
            io::stderr(),
            "skipped: systemd-analyze not installed"
        ));
        return;
    }
    let scratch = Scratch::new();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]);
    for entry in fs::read_dir(root().join("systemd")).expect("the folder systemd/") {
        let path = entry.expect("a readable folder").path();
        let kind = path
            .extension()
            .and_then(|kind| kind.to_str())
            .unwrap_or_default();
        if ["service", "socket", "timer"].contains(&kind) {
            let text = fs::read_to_string(&path).expect("a unit file is text");
            let name = path.file_name().expect("a file has a name");
            command.arg(scratch.file(name, with_a_program_that_exists(&text)));
        }
    }

    let said = Outcome::of(&mut command, "");

    assert_eq!(said.stderr, "", "{said}");
    said.ok();
}

/// The unit with a program in place that stands on every machine, for verify looks for it.
fn with_a_program_that_exists(unit: &str) -> String {
    let lines = unit.lines().map(|line| match line.split_once('=') {
        Some((key, command)) if key.starts_with("Exec") => {
            let words = command.split_once(' ').map_or("", |(_, words)| words);
            format!("{key}=/bin/true {words}")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}
