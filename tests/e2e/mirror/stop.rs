//! Copies and jobs that are cut off: by whoever asked, by the end of the server, by the end of all.

use std::process::Child;

use harness::{At, Fault, Format, Gate, Image, Registry, Subject, Upstream, eventually};
use rustix::process::{Pid, Signal, kill_process};

use super::{begin, job, registry, standing, tag};

/// An upstream with an image whose layer does not come before the gate opens.
fn slow() -> (Upstream, Image, Gate) {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    let (gate, layer) = (Gate::new(), harness::Digest::of(&image.layers[0]));
    let held = Fault::Hold(At::Byte(1), gate.clone());
    upstream.when(move |asked| {
        let is_layer = matches!(asked.subject(), Subject::Blob(_, it) if it == layer.as_str());
        is_layer.then(|| held.clone())
    });
    (upstream, image, gate)
}

fn wait_for_the_layer(upstream: &Upstream) {
    let is_blob = |subject: Subject<'_>| matches!(subject, Subject::Blob(..));
    eventually("both blobs are asked for", || {
        upstream.count(|asked| is_blob(asked.subject())) >= 2
    });
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT)
        .expect("signal a child that was not waited for");
}

/// It ended by itself and said how to go on.
#[track_caller]
fn check_that_it_tells(child: Child) {
    let output = child.wait_with_output().expect("wait for a command");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("because: it was stopped"), "{told}");
    assert!(told.contains("hint: what has arrived stays"), "{told}");
}

/// The image is not there, and then it is.
#[track_caller]
fn check_that_it_goes_on(registry: &Registry, image: &Image, gate: &Gate, words: &[&str]) {
    assert_eq!(tag(&registry.plain(), "up.example/a", "1"), None);
    gate.open();
    registry.command(&[&["mirror"], words].concat(), "").ok();
    assert_eq!(
        tag(&registry.plain(), "up.example/a", "1"),
        Some(image.digest())
    );
}

#[test]
fn ctrl_c_stops_a_copy_with_a_server_and_without() {
    for has_server in [true, false] {
        let (upstream, image, gate) = slow();
        let mut registry = registry(&upstream, "");
        let words = ["image", "up.example/a:1"];
        let child = if has_server {
            begin(&registry, &words)
        } else {
            registry.stop();
            let config = registry.scratch().join("config.toml");
            let config = ["--config", config.to_str().unwrap()];
            begin(&registry, &[&words[..], &config].concat())
        };
        wait_for_the_layer(&upstream);
        interrupt(&child);
        check_that_it_tells(child);
        if !has_server {
            registry.start_again();
        }
        check_that_it_goes_on(&registry, &image, &gate, &words);
        registry.finish().no_uploads();
    }
}

#[test]
fn ctrl_c_stops_a_run_that_nobody_else_waits_for() {
    let (upstream, image, gate) = slow();
    let registry = registry(&upstream, &job("a", "images = [\"up.example/a:1\"]"));
    let (first, second) = (begin(&registry, &["run"]), begin(&registry, &["run"]));
    wait_for_the_layer(&upstream);
    interrupt(&first);
    check_that_it_tells(first);
    eventually("it runs for the other", || {
        standing(&registry)["state"] == "running"
    });
    interrupt(&second);
    check_that_it_tells(second);
    eventually("it is stopped", || {
        standing(&registry)["state"] == "stopped"
    });
    check_that_it_goes_on(&registry, &image, &gate, &["run"]);
    registry.finish().no_uploads();
}

#[test]
fn a_run_that_the_end_of_the_server_cut_off_is_made_up_for_at_the_next_start() {
    for is_killed in [false, true] {
        let (upstream, image, gate) = slow();
        let keys = "images = [\"up.example/a:1\"]\nevery = \"30days\"";
        let mut registry = registry(&upstream, &job("a", keys));
        wait_for_the_layer(&upstream);
        if is_killed {
            registry.kill();
        } else {
            registry.stop();
        }
        assert_eq!(standing(&registry)["state"], "stopped");
        gate.open();
        registry.start_again();
        eventually("it has run", || standing(&registry)["state"] == "done");
        assert_eq!(
            tag(&registry.plain(), "up.example/a", "1"),
            Some(image.digest())
        );
        registry.restart();
        let began = standing(&registry)["last"]["began"].take();
        registry.restart();
        assert_eq!(
            standing(&registry)["last"]["began"],
            began,
            "once is enough"
        );
        registry.finish().no_uploads();
    }
}

#[test]
fn a_server_that_stops_ends_the_copy_and_tells_who_asked() {
    let (upstream, image, gate) = slow();
    let mut registry = registry(&upstream, "");
    let words = ["image", "up.example/a:1"];
    let child = begin(&registry, &words);
    wait_for_the_layer(&upstream);
    registry.stop();
    check_that_it_tells(child);
    registry.start_again();
    check_that_it_goes_on(&registry, &image, &gate, &words);
    registry.finish().no_uploads();
}
