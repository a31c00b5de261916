//! Long work ends when whoever asked for it stops it or goes away, and when the server stops.
//!
//! What makes it long is a blob of many gibibytes that are all a hole: it takes minutes to read and no
//! space.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harness::{Digest, Registry, binary, eventually};
use rustix::process::{Pid, Signal, kill_process};

use super::blob_file;

/// As many bytes as no machine hashes within the deadline of a test.
const HOLE: u64 = 1 << 40;

/// Puts the hole among the blobs.
pub(super) fn dig(registry: &Registry) -> PathBuf {
    let path = blob_file(registry, &Digest::of(b"not what the hole holds"));
    fs::create_dir_all(path.parent().expect("a blob lies in a folder")).expect("make the folder");
    let hole = File::create(&path).and_then(|file| file.set_len(HOLE));
    hole.expect("dig a hole");
    path
}

/// A command of the store that reads the hole: in this process, or in its own.
pub(super) fn working(
    registry: &Registry,
    words: &[&str],
    hole: &Path,
    server: Option<u32>,
) -> Child {
    let mut command = Command::new(binary());
    command
        .arg("store")
        .args(words)
        .arg("--data")
        .arg(registry.data())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("start a command");
    let reader = server.unwrap_or(child.id());
    eventually("the hole is being read", || has_open(reader, hole));
    child
}

fn has_open(process: u32, file: &Path) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    let mut targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.any(|target| target == file)
}

pub(super) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("signal a child that was not waited for");
}

/// It ended by itself and said how to go on.
#[track_caller]
pub(super) fn check_that_it_tells(child: Child) {
    let output = child.wait_with_output().expect("wait for a command");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("because: it was stopped") && stderr.contains("hint: "),
        "{stderr}"
    );
    assert_eq!(output.stdout, b"");
}

#[test]
fn ctrl_c_and_a_peer_that_is_gone_stop_the_work_in_the_server() {
    let mut registry = Registry::open();
    let server = registry.server().id();
    let hole = dig(&registry);
    let until_stopped = || {
        eventually("the scrub is stopped", || !has_open(server, &hole));
    };

    let command = working(&registry, &["scrub"], &hole, Some(server));
    signal(&command, Signal::INT);
    check_that_it_tells(command);
    until_stopped();

    let mut command = working(&registry, &["scrub"], &hole, Some(server));
    command.kill().expect("kill a command");
    command.wait().expect("wait for a killed command");
    until_stopped();

    fs::remove_file(&hole).expect("fill the hole");
    registry.finish();
}

#[test]
fn ctrl_c_stops_the_work_where_no_server_runs() {
    let mut registry = Registry::open();
    registry.stop();
    let hole = dig(&registry);

    let command = working(&registry, &["scrub"], &hole, None);
    signal(&command, Signal::INT);
    check_that_it_tells(command);

    fs::remove_file(&hole).expect("fill the hole");
    registry.start_again();
    registry.finish();
}

#[test]
fn a_server_that_stops_ends_the_work_and_tells_who_asked() {
    let mut registry = Registry::open();
    let server = registry.server().id();
    let hole = dig(&registry);
    let command = working(&registry, &["scrub"], &hole, Some(server));

    registry.stop();

    check_that_it_tells(command);
    let log = registry.log();
    assert!(!log.contains("Stopped with work underway"), "{log}");
    fs::remove_file(&hole).expect("fill the hole");
    registry.command(&["store", "scrub"], "").ok();
    registry.start_again();
    registry.finish();
}
