//! The order of syncs, watched with strace: before the first byte of a 201 goes to the socket, each
//! file and each directory that the push concerns has been synced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{
    Client, Digest, Format, Image, Noise, Process, Scratch, Truth, binary, eventually, tools,
};

use crate::disk::Disk;
use crate::trace::{CALLS, Event, read};

/// A push that was answered with 201, and a path that it must have made.
struct Push {
    what: &'static str,
    made: String,
}

/// Pushes each kind of thing once; every answer is a 201 of its own, in this order.
fn push_everything(client: &Client) -> Vec<Push> {
    let mut pushes = Vec::new();
    let mut done = |what: &'static str, made: String| pushes.push(Push { what, made });
    let noise = Noise::new(1, 3_000_000);
    let blob = client.push_noise("team/app", &noise);
    done("a blob in a PUT", blob_path(&blob));

    let image = Image::new(Format::Oci, "layer");
    let config = Digest::of(&image.config);
    let single = format!("/v2/team/app/blobs/uploads/?digest={config}");
    client.post(single, &image.config).expect(201);
    done("a blob in one POST", link("team/app", &config));

    let layer = Digest::of(&image.layers[0]);
    let location = client.start_upload("team/app");
    let location = client
        .patch(location, &image.layers[0])
        .expect(202)
        .location();
    client.finish_upload(&location, &layer, "").expect(201);
    done("a blob in a PATCH", link("team/app", &layer));

    let location = client.start_upload("team/app");
    client
        .finish_upload(&location, &layer, &image.layers[0])
        .expect(201);
    done("a blob that is there already", link("team/app", &layer));

    client
        .post(
            format!("/v2/other/blobs/uploads/?mount={blob}&from=team/app"),
            "",
        )
        .expect(201);
    done("a mount", link("other", &blob));

    let digest = image.digest();
    image
        .manifest
        .put(client, "team/app", digest.as_str())
        .expect(201);
    done("a manifest by digest", record("team/app", &digest));
    image.manifest.put(client, "team/app", "v1").expect(201);
    done("a tag", "repos/team/app/_tags/v1".to_owned());

    let second = image
        .manifest
        .with("annotations", serde_json::json!({ "a": "b" }));
    second.put(client, "team/app", "v1").expect(201);
    done("a tag that moves", record("team/app", &second.digest()));

    let note = Image::referrer(&image.manifest, "text/x-note", "note");
    let tags = format!("{}?tag=n1&tag=n2", note.digest());
    note.manifest.put(client, "team/app", &tags).expect(201);
    let entry = note.digest().as_str().replace(':', "-");
    done(
        "a referrer",
        format!("repos/team/app/_referrers/sha256/{}/{entry}", digest.hex()),
    );
    pushes
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}/{}", &digest.hex()[..2], digest.hex())
}

fn link(repository: &str, digest: &Digest) -> String {
    format!("repos/{repository}/_blobs/sha256/{}", digest.hex())
}

fn record(repository: &str, digest: &Digest) -> String {
    format!("repos/{repository}/_manifests/sha256/{}", digest.hex())
}

/// `serve` on a fresh data directory, traced from its first call on. With `-D` the
/// registry is the child and strace its grandchild, so that signals reach the registry itself.
fn traced(strace: &Path, data: &Path, trace: &Path) -> Command {
    let mut command = Command::new(strace);
    command
        .args(["-D", "-f", "-yy", "-s", "40", "-e"])
        .arg(format!("trace={CALLS}"));
    command
        .arg("-o")
        .arg(trace)
        .arg(binary())
        .arg("serve")
        .arg("--data")
        .arg(data);
    command.args(["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]);
    command.args(["--anonymous", "push"]);
    command
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it saw")]
fn whatever_is_acknowledged_was_synced_before() {
    let Some([strace]) = tools::installed(["strace"]) else {
        return;
    };
    let scratch = Scratch::new();
    let (data, trace) = (scratch.join("data"), scratch.join("trace"));
    let mut server = Process::spawn(
        &mut traced(&strace, &data, &trace),
        &scratch.join("server.log"),
    );
    let bound = server.listening();
    let (_, address) = bound
        .iter()
        .find(|(scheme, _)| scheme == "http")
        .expect("plain HTTP");

    let pushes = push_everything(&Client::plain(*address));

    assert!(server.stop().success());
    // strace fills the number up to five columns.
    let end = format!("{:<5} +++ exited with 0 +++", server.id());
    let text = || fs::read_to_string(&trace).expect("the trace");
    eventually("strace has written it all", || text().contains(&end));
    Truth::of(&data).no_uploads();
    check(&text(), &data, &pushes);
    println!(
        "{} pushes: every file and directory synced before its 201",
        pushes.len()
    );
}

/// Replays the trace up to each 201 and looks at what a power cut would have lost just then.
#[track_caller]
fn check(trace: &str, data: &Path, pushes: &[Push]) {
    let mut calls = read(trace);
    // An answer counts from its first byte on, everything else from when it was done.
    calls.sort_by_key(|call| match call.event {
        Event::Answered(_) => call.begin,
        _ => call.end,
    });
    let concerned: [PathBuf; 2] = ["blobs", "repos"].map(|folder| data.join(folder));
    let mut disk = Disk::default();
    let mut expected = pushes.iter();
    for call in &calls {
        disk.replay(call);
        if call.event != Event::Answered(201) {
            continue;
        }
        let Push { what, made } = expected.next().expect("one push for each 201");
        assert!(
            disk.holds(&data.join(made)),
            "{what}: {made} was not seen to be made"
        );
        let lost: Vec<_> = concerned
            .iter()
            .flat_map(|dir| disk.unsafe_below(dir))
            .collect();
        assert!(
            lost.is_empty(),
            "{what}: answered 201, but not safe yet: {lost:#?}"
        );
    }
    assert_eq!(
        expected.count(),
        0,
        "an answer of 201 is missing in the trace"
    );
}
