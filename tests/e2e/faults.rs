//! What a client hears, and what the administrator, when the disk or the kernel fails a call.
//!
//! strace attaches to the running server and fails chosen calls. Whatever fails, pulls go on and what was
//! acknowledged stays; only after a failure that leaves the disk in doubt the registry takes no more
//! changes, and says so, until it is started again.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use harness::{Client, Digest, Format, Image, Process, Registry, eventually, tools};

/// A registry that holds an image, and strace to make it fail.
struct Lab {
    registry: Registry,
    client: Client,
    image: Image,
    strace: PathBuf,
}

/// Calls that fail as long as this lives.
struct Fault(Process);

impl Lab {
    fn new() -> Option<Self> {
        let [strace] = tools::installed(["strace"])?;
        let registry = Registry::open();
        let client = registry.plain();
        let image = Image::new(Format::Oci, "acknowledged");
        image.push(&client, "team/app", "v1").expect(201);
        Some(Self {
            registry,
            client,
            image,
            strace,
        })
    }

    /// Has the server's calls fail by this rule, those alone that are about `path` if one is given.
    fn fail(&mut self, rule: &str, path: Option<&Path>) -> Fault {
        let scratch = self.registry.scratch();
        let (log, trace) = (scratch.join("strace.log"), scratch.join("trace"));
        let mut command = Command::new(&self.strace);
        command.arg("-o").arg(trace).args(["-f", "-e"]);
        command.arg(format!("inject={rule}"));
        if let Some(path) = path {
            command.arg("-P").arg(path);
        }
        let server = self.registry.server().id().to_string();
        command.args(["-p", &server]);
        let attached = |log: &str| log.matches("attached").count();
        let before = attached(&std::fs::read_to_string(&log).unwrap_or_default());
        let strace = Process::spawn(&mut command, &log);
        eventually("strace has attached", || {
            attached(&strace.stderr()) > before
        });
        Fault(strace)
    }

    /// Where the bytes of the upload lie that this answer is about.
    fn data_of(&self, location: &str) -> PathBuf {
        let path = location.split('?').next().expect("a path");
        let (_, id) = path.rsplit_once('/').expect("it ends with a name");
        self.registry.data().join("uploads").join(id).join("data")
    }

    /// Everything that was acknowledged can be pulled.
    #[track_caller]
    fn all_is_there(&self) {
        let pulled = self.client.manifest("team/app", "v1").expect(200);
        assert_eq!(pulled.body, self.image.manifest.bytes);
        for bytes in self.image.layers.iter().chain([&self.image.config]) {
            let blob = self.client.blob("team/app", &Digest::of(bytes)).expect(200);
            assert_eq!(blob.body, bytes);
        }
    }

    /// It takes no changes, says why to those who look after it, and goes on to serve.
    #[track_caller]
    fn is_read_only(&self, because: &str) {
        let reason = self.client.get("/readyz").expect(503);
        assert!(reason.text().contains(because), "{}", reason.text());
        self.client.get("/healthz").expect(200);
        self.client
            .post("/v2/team/app/blobs/uploads/", "")
            .refused(503, "DENIED");
        self.all_is_there();
    }

    /// After a restart all is as it was, and changes are taken.
    fn recovers_by_a_restart(mut self) {
        self.registry.restart();
        self.all_is_well();
    }

    /// Changes are taken, and everything is there.
    fn all_is_well(self) {
        self.client.get("/readyz").expect(200);
        self.all_is_there();
        let another = Image::new(Format::Oci, "another");
        another.push(&self.client, "team/app", "v2").expect(201);
        self.registry.finish();
    }
}

impl Fault {
    /// Takes strace away. The server runs on.
    fn end(mut self) {
        self.0.stop();
    }
}

#[test]
fn a_failed_sync_of_a_blob_is_no_push_and_stops_all_further_ones() {
    let Some(mut lab) = Lab::new() else { return };
    let layer = Bytes::from_static(b"never acknowledged");
    let location = lab.client.start_upload("team/app");
    let location = lab.client.patch(location, &layer).expect(202).location();

    let data = lab.data_of(&location);
    let fault = lab.fail("fdatasync:error=EIO:when=1", Some(&data));
    lab.client
        .finish_upload(&location, &Digest::of(&layer), "")
        .refused(500, "UNKNOWN");
    fault.end();

    lab.is_read_only("sync");
    lab.client
        .blob("team/app", &Digest::of(&layer))
        .refused(404, "BLOB_UNKNOWN");
    lab.recovers_by_a_restart();
}

#[test]
fn a_failed_sync_of_a_tag_is_no_push_and_stops_all_further_ones() {
    let Some(mut lab) = Lab::new() else { return };
    let other = lab
        .image
        .manifest
        .with("annotations", serde_json::json!({ "a": "b" }));

    let tags = lab.registry.data().join("repos/team/app/_tags");
    let fault = lab.fail("fsync:error=EIO:when=1", Some(&tags));
    other
        .put(&lab.client, "team/app", "new")
        .refused(500, "UNKNOWN");
    fault.end();

    lab.is_read_only("sync the directory");
    lab.recovers_by_a_restart();
}

#[test]
fn a_failed_write_stops_all_further_ones() {
    let Some(mut lab) = Lab::new() else { return };
    let location = lab.client.start_upload("team/app");

    let data = lab.data_of(&location);
    let fault = lab.fail("pwrite64:error=EIO:when=1", Some(&data));
    lab.client
        .patch(&location, Bytes::from_static(b"layer"))
        .refused(500, "UNKNOWN");
    fault.end();

    lab.is_read_only("write");
    lab.recovers_by_a_restart();
}

#[test]
fn a_full_disk_fails_the_push_and_nothing_else() {
    let Some(mut lab) = Lab::new() else { return };
    let location = lab.client.start_upload("team/app");

    let data = lab.data_of(&location);
    let fault = lab.fail("pwrite64:error=ENOSPC:when=1", Some(&data));
    lab.client
        .patch(&location, Bytes::from_static(b"layer"))
        .refused(503, "DENIED");
    fault.end();

    // The room it took is free again.
    lab.client
        .get(&location)
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert!(!data.exists());
    lab.all_is_well();
}

#[test]
fn without_descriptors_requests_fail_and_afterwards_all_is_well() {
    let Some(mut lab) = Lab::new() else { return };
    let location = lab.client.start_upload("team/app");
    let layer = Bytes::from_static(b"layer");

    let fault = lab.fail("openat:error=EMFILE:when=1+", None);
    lab.client
        .manifest("team/app", "v1")
        .refused(500, "UNKNOWN");
    lab.client
        .post("/v2/team/app/blobs/uploads/", "")
        .refused(500, "UNKNOWN");
    lab.client.patch(&location, &layer).refused(500, "UNKNOWN");
    lab.client.get("/readyz").expect(200);
    fault.end();

    // The upload is still there and goes on.
    let location = lab.client.patch(&location, &layer).expect(202).location();
    lab.client
        .finish_upload(&location, &Digest::of(&layer), "")
        .expect(201);
    lab.all_is_well();
}

#[test]
fn an_index_that_could_not_be_rebuilt_is_rebuilt_later() {
    let Some(mut lab) = Lab::new() else { return };

    let team = lab.registry.data().join("repos/team");
    let fault = lab.fail("openat:error=EMFILE:when=1+", Some(&team));
    let refused = lab.registry.command(&["store", "reindex"], "");
    refused.fails(1);
    lab.client.get("/v2/_catalog").refused(503, "UNAVAILABLE");
    fault.end();

    eventually("the index is there again", || {
        lab.client.get("/v2/_catalog").status == 200
    });
    assert_eq!(lab.client.catalog(), ["team/app"]);
    lab.all_is_well();
}

#[test]
fn a_connection_that_finds_no_descriptor_waits_and_is_served() {
    let Some(mut lab) = Lab::new() else { return };

    let fault = lab.fail("accept4:error=EMFILE:when=1..3", None);
    lab.all_is_there();
    fault.end();

    lab.all_is_well();
}
