//! Jobs that the server runs by itself.

use harness::{Format, Image, Upstream, eventually};
use rustix::process::Signal;

use super::{config, document, job, registry, standing, tag};

#[test]
fn a_job_runs_again_and_again_by_itself() {
    let upstream = Upstream::start();
    let (one, two) = (Image::new(Format::Oci, "1"), Image::new(Format::Oci, "2"));
    upstream.put("a", "1", &one);
    let keys = "images = [\"up.example/a:*\"]\nevery = \"1s\"";
    let mut registry = registry(&upstream, &job("a", keys));
    let client = registry.plain();
    let is_here =
        |name: &str, image: &Image| tag(&client, "up.example/a", name) == Some(image.digest());
    eventually("the first run", || is_here("1", &one));
    upstream.put("a", "2", &two);
    upstream.put("a", "1", &two);
    eventually("another run", || is_here("2", &two) && is_here("1", &two));
    assert!(standing(&registry)["next"].is_string());
    // So that nothing is being written while the directory is looked at.
    registry.reconfigure(&config(&upstream, ""));
    registry.restart();
    registry.finish().no_uploads();
}

#[test]
fn a_schedule_says_when_it_is_next_and_a_new_job_waits_for_that() {
    let upstream = Upstream::start();
    let keys = "images = [\"up.example/a:1\"]\nschedule = \"0 3 29 2 *\"";
    let mut registry = registry(&upstream, &job("a", keys));
    let next = standing(&registry)["next"].as_str().unwrap().to_owned();
    assert!(next.contains("-02-2"), "{next}");
    registry.restart();
    assert_eq!(standing(&registry)["next"], *next);
    registry.stop();
    assert_eq!(standing(&registry)["next"], *next);
    assert_eq!(upstream.asked().len(), 0);
    registry.start_again();
    registry.finish();
}

#[test]
fn a_reload_takes_new_jobs_and_upstreams_in() {
    let (old, new) = (Upstream::start(), Upstream::start());
    let image = Image::new(Format::Oci, "x");
    new.put("a", "1", &image);
    let mut registry = registry(&old, "");
    assert_eq!(
        document(&registry, &["status"], 0)["jobs"],
        serde_json::json!([])
    );
    let keys = "images = [\"up.example/a:1\"]\nevery = \"1h\"";
    registry.reconfigure(&config(&new, &job("late", keys)));
    registry.signal(Signal::HUP);
    eventually("the job has run", || {
        let jobs = document(&registry, &["status"], 0)["jobs"].take();
        jobs[0]["name"] == "late" && jobs[0]["state"] == "done"
    });
    assert_eq!(old.asked().len(), 0);
    registry.finish().no_uploads();
}
