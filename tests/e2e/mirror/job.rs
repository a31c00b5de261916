//! Jobs of the configuration, run by command: what they bring, and what is told of them.

use harness::{At, Fault, Format, Gate, Image, Subject, Upstream, eventually};

use super::{begin, config, document, job, registry, standing, tag};

#[test]
fn a_job_brings_its_images_and_its_state_is_told_with_a_server_and_without() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    let jobs = job("base images/1", "images = [\"up.example/a:1\"]");
    let mut registry = registry(&upstream, &jobs);
    let before = standing(&registry);
    assert_eq!(before["name"], "base images/1");
    assert_eq!(before["state"], "never");
    assert!(before["last"].is_null() && before["next"].is_null());

    let ran = document(&registry, &["run", "base images/1"], 0);
    assert_eq!(ran["jobs"][0]["result"], "done");
    assert_eq!(ran["jobs"][0]["outcome"]["images"][0]["state"], "new");

    let after = standing(&registry);
    assert_eq!(after["state"], "done");
    let last = &after["last"];
    assert_eq!(last["totals"]["copied"], 1);
    assert!(last["began"].is_string() && last["ended"].is_string());
    registry.stop();
    assert_eq!(standing(&registry), after);
    let ran = document(&registry, &["run"], 0);
    assert_eq!(ran["jobs"][0]["outcome"]["images"][0]["state"], "unchanged");
    registry.start_again();
    assert_eq!(standing(&registry)["last"]["totals"]["unchanged"], 1);
    let told = registry.command(&["mirror", "status"], "").ok();
    assert!(told.contains("base images/1  done   1 of 1"), "{told}");
    assert_eq!(
        tag(&registry.plain(), "up.example/a", "1"),
        Some(image.digest())
    );
    registry.finish().no_uploads();
}

#[test]
fn a_run_is_told_of_while_it_goes_on_and_never_runs_beside_itself() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    let (gate, layer) = (Gate::new(), harness::Digest::of(&image.layers[0]));
    let held = Fault::Hold(At::Byte(1), gate.clone());
    let is_layer =
        move |subject: Subject<'_>| matches!(subject, Subject::Blob(_, it) if it == layer.as_str());
    let is_held = is_layer.clone();
    upstream.when(move |asked| is_held(asked.subject()).then(|| held.clone()));
    let jobs = job("a", "images = [\"up.example/a:1\"]");
    let registry = registry(&upstream, &jobs);

    let first = begin(&registry, &["run"]);
    let running = || standing(&registry)["running"].take();
    eventually("the layer is asked for", || running()["isPlanned"] == true);
    let second = begin(&registry, &["run", "a", "--json"]);
    let now = standing(&registry);
    assert_eq!(now["state"], "running");
    assert_eq!(now["running"]["images"], 1);
    assert_eq!(now["running"]["imagesDone"], 0);
    let bytes = image.config.len() + image.layers[0].len();
    assert_eq!(now["running"]["bytes"], bytes);
    assert!(now["running"]["since"].is_string());
    gate.open();
    for command in [first, second] {
        let output = command.wait_with_output().expect("wait for a command");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_eq!(standing(&registry)["state"], "done");
    assert_eq!(upstream.count(|asked| is_layer(asked.subject())), 1);
    registry.finish().no_uploads();
}

#[test]
fn what_a_job_could_not_bring_is_told_and_counted() {
    let upstream = Upstream::start();
    upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    let jobs = job("a", "images = [\"up.example/a:1\", \"up.example/a:2\"]");
    let registry = registry(&upstream, &jobs);
    let told = registry.command(&["mirror", "run"], "");
    assert!(told.stdout.contains("failed up.example/a:2: "), "{told}");
    told.fails(2);
    let after = standing(&registry);
    assert_eq!(after["state"], "partly");
    assert_eq!(after["last"]["failures"][0]["source"], "up.example/a:2");
    let log = registry.log();
    assert!(log.contains("A sync job was done in part") && log.contains("up.example/a:2: "));
    let metrics = registry.plain().get("/metrics").expect(200);
    for line in [
        "roadstead_sync_runs_total{job=\"a\",outcome=\"partly\"} 1",
        "roadstead_sync_failed_images{job=\"a\"} 1",
        "roadstead_sync_running{job=\"a\"} 0",
    ] {
        assert!(metrics.text().lines().any(|told| told == line), "{line}");
    }
    registry.finish().no_uploads();
}

#[test]
fn a_job_that_is_none_is_wrong_usage_and_those_there_are_are_named() {
    let upstream = Upstream::start();
    let jobs = [
        job("one", "images = [\"up.example/a:1\"]"),
        job("two", "images = [\"up.example/a:1\"]"),
    ];
    let registry = registry(&upstream, &jobs.concat());
    let told = registry.command(&["mirror", "run", "three"], "").fails(64);
    assert!(told.contains("there are one, two"), "{told}");
    assert_eq!(upstream.asked().len(), 0);
    registry.finish();
}

#[test]
fn a_whole_registry_is_followed_and_pruned_only_when_that_is_asked_for() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    for (repository, name) in [
        ("team/a", "1"),
        ("team/a", "2"),
        ("team/b", "1"),
        ("other", "1"),
    ] {
        upstream.put(repository, name, &image);
    }
    let keys = "from = \"up.example\"\nrepositories = [\"team/**\"]\nto = \"moved\"";
    let mut registry = registry(&upstream, &job("a", keys));
    registry.command(&["mirror", "run"], "").ok();
    let client = registry.admin();
    assert_eq!(client.catalog(), ["moved/team/a", "moved/team/b"]);
    assert_eq!(client.tags("moved/team/a"), ["1", "2"]);

    image.push(&client, "moved/team/a", "ours").expect(201);
    upstream.remove("team/a", "2");
    registry.command(&["mirror", "run"], "").ok();
    assert_eq!(client.tags("moved/team/a"), ["1", "2", "ours"]);

    registry.reconfigure(&config(
        &upstream,
        &job("a", &format!("{keys}\nprune = true")),
    ));
    registry.restart();
    let ran = document(&registry, &["run"], 0);
    let pruned = &ran["jobs"][0]["outcome"]["pruned"];
    assert_eq!(pruned, &serde_json::json!(["moved/team/a:2"]));
    assert_eq!(registry.admin().tags("moved/team/a"), ["1", "ours"]);
    registry.finish().no_uploads();
}
