//! `mirror run --dry-run`: what jobs would bring is said, and nothing comes of it.

use harness::{At, Fault, Format, Gate, Image, Registry, Subject, Upstream, eventually};
use serde_json::{Value, json};

use super::{begin, document, job, registry, standing, states};

/// An upstream with two images, and a registry with a job for each.
fn two_jobs() -> (Upstream, Registry, [Image; 2]) {
    let upstream = Upstream::start();
    let images = ["x", "y"].map(|seed| Image::new(Format::Oci, seed));
    upstream.put("a", "1", &images[0]);
    upstream.put("b", "1", &images[1]);
    let jobs = [
        job("one", "images = [\"up.example/a:1\"]"),
        job("two", "images = [\"up.example/b:1\"]"),
    ];
    let registry = registry(&upstream, &jobs.concat());
    (upstream, registry, images)
}

fn bytes(image: &Image) -> usize {
    image.config.len() + image.layers[0].len()
}

#[test]
fn each_job_is_planned_with_its_sizes_and_leaves_nothing() {
    let (upstream, mut registry, images) = two_jobs();
    for has_server in [true, false] {
        if !has_server {
            registry.stop();
        }
        let plan = document(&registry, &["run", "--dry-run"], 0);
        assert_eq!(plan["dryRun"], true);
        for (place, (name, image)) in ["one", "two"].iter().zip(&images).enumerate() {
            let job = &plan["jobs"][place];
            assert_eq!(job["name"], *name);
            assert_eq!(job["images"][0]["state"], "new");
            assert_eq!(job["totals"]["copy"], 1);
            assert_eq!(job["totals"]["bytesToFetch"], bytes(image));
        }
        let plan = document(&registry, &["run", "two", "--dry-run"], 0);
        let names: Vec<_> = plan["jobs"].as_array().unwrap().iter().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(names[0]["name"], "two");
        assert_eq!(standing(&registry)["state"], "never");
    }
    let is_blob = |subject: Subject<'_>| matches!(subject, Subject::Blob(..));
    assert_eq!(upstream.count(|asked| is_blob(asked.subject())), 0);
    registry.start_again();
    assert_eq!(standing(&registry)["state"], "never");
    assert!(standing(&registry)["last"].is_null());
    assert_eq!(registry.admin().catalog(), Vec::<String>::new());
    let metrics = registry.plain().get("/metrics").expect(200);
    assert!(!metrics.text().contains("roadstead_sync_runs_total{"));
    assert_eq!(registry.finish().no_uploads().size(), 0);
}

#[test]
fn what_is_planned_is_what_a_run_then_does() {
    let (upstream, registry, [one, _]) = two_jobs();
    let foreseen = document(&registry, &["run", "one", "--dry-run"], 0)["jobs"][0].take();
    let ran = document(&registry, &["run", "one"], 0)["jobs"][0]["outcome"].take();
    assert_eq!(states(&ran), states(&foreseen));
    for key in ["source", "destination", "digest"] {
        assert_eq!(ran["images"][0][key], foreseen["images"][0][key], "{key}");
    }
    assert_eq!(ran["totals"]["copied"], foreseen["totals"]["copy"]);
    let fetched = &ran["totals"]["bytesFetched"];
    assert_eq!(fetched, &foreseen["totals"]["bytesToFetch"]);
    // Now that it is here, and when it moves to something that shares nothing with it.
    let check = |state: &str, fetch: usize, here: usize| {
        let job = document(&registry, &["run", "one", "--dry-run"], 0)["jobs"][0].take();
        assert_eq!(job["images"][0]["state"], state);
        assert_eq!(job["totals"]["bytesToFetch"], fetch);
        assert_eq!(job["totals"]["bytesHere"], here);
    };
    let last = standing(&registry)["last"].take();
    check("unchanged", 0, bytes(&one));
    let next = Image::new(Format::Oci, "z");
    upstream.put("a", "1", &next);
    check("changed", bytes(&next), 0);
    assert_eq!(standing(&registry)["last"], last);
    registry.finish().no_uploads();
}

#[test]
fn a_job_is_planned_while_it_runs_and_its_run_goes_on() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    let (gate, layer) = (Gate::new(), harness::Digest::of(&image.layers[0]));
    let held = Fault::Hold(At::Byte(1), gate.clone());
    upstream.when(move |asked| {
        let is_layer = matches!(asked.subject(), Subject::Blob(_, it) if it == layer.as_str());
        is_layer.then(|| held.clone())
    });
    let registry = registry(&upstream, &job("a", "images = [\"up.example/a:1\"]"));
    let run = begin(&registry, &["run"]);
    let running = || standing(&registry)["running"].take();
    eventually("the layer is asked for", || running()["isPlanned"] == true);
    let plan = document(&registry, &["run", "a", "--dry-run"], 0);
    assert_eq!(plan["jobs"][0]["images"][0]["state"], "new");
    assert_eq!(standing(&registry)["state"], "running");
    gate.open();
    let output = run.wait_with_output().expect("wait for a command");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(standing(&registry)["state"], "done");
    registry.finish().no_uploads();
}

#[test]
fn what_could_not_be_brought_is_named_and_is_the_exit_code() {
    let upstream = Upstream::start();
    upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    let jobs = [
        job("good", "images = [\"up.example/a:1\"]"),
        job("none", "images = [\"up.example/a:2\"]"),
    ];
    let registry = registry(&upstream, &jobs.concat());
    let code = |job: &str, code: i32| document(&registry, &["run", job, "--dry-run"], code);
    code("good", 0);
    let none = code("none", 1);
    assert_eq!(none["jobs"][0]["totals"]["failed"], 1);
    let told = registry.command(&["mirror", "run", "--dry-run"], "");
    for line in ["good: planned\n", "none: failed\n", "  up.example/a:2: "] {
        assert!(told.stdout.contains(line), "{told}");
    }
    assert!(told.stdout.contains("  would fetch "), "{told}");
    told.fails(2);
    let told = registry.command(&["mirror", "run", "three", "--dry-run"], "");
    assert!(told.fails(64).contains("there are good, none"));
    registry.finish().no_uploads();
}

#[test]
fn a_tag_that_pruning_would_take_is_named_and_stays() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    upstream.put("a", "2", &image);
    let keys = "from = \"up.example\"\nto = \"moved\"\nprune = true";
    let registry = registry(&upstream, &job("a", keys));
    registry.command(&["mirror", "run"], "").ok();
    upstream.remove("a", "2");
    let plan = document(&registry, &["run", "--dry-run"], 0);
    let prune: &Value = &plan["jobs"][0]["prune"];
    assert_eq!(prune, &json!(["moved/a:2"]));
    assert_eq!(registry.admin().tags("moved/a"), ["1", "2"]);
    registry.finish().no_uploads();
}
