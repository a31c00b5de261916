//! A fetch that is cut short: by a stop of the registry, by a kill, and by what happens to its file.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use harness::{
    At, Digest, Fault, Format, Gate, Image, Noise, Registry, Session, Upstream, eventually,
    media_type,
};
use http::Method;
use serde_json::json;

use super::registry;

/// How large the blob is, in bytes.
const SIZE: u64 = 8 << 20;
/// How much of it has come when the fetch is cut short.
const COME: u64 = 5 << 20;
/// How long a server that stops may take when nobody waits for what it fetches.
const STOPPED: Duration = Duration::from_secs(10);

/// A registry that has a part of a blob, and an upstream that says nothing more.
struct Lab {
    upstream: Upstream,
    registry: Registry,
    digest: Digest,
    data: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let upstream = Upstream::start();
        let layer = Noise::new(1, SIZE).bytes();
        let image = Image::assemble(Format::Oci, "{}".into(), vec![layer.clone()]);
        upstream.put("a/b", "1", &image);
        let registry = registry(&upstream, "");
        let client = registry.plain();
        client.manifest("up.example/a/b", "1").expect(200);
        let digest = Digest::of(&layer);
        upstream.always(Fault::Hold(At::Byte(COME), Gate::new()));
        let mut asking = client.connect();
        let path = format!("/v2/up.example/a/b/blobs/{digest}");
        asking.send(format!(
            "GET {path} HTTP/1.1\r\n{}\r\n",
            client.raw_headers()
        ));
        let data = format!("fetches/sha256/{}/data", digest.hex());
        let data = registry.data().join(data);
        eventually("a part of it has come", || {
            data.metadata().is_ok_and(|data| data.len() == COME)
        });
        asking.cut();
        Self {
            upstream,
            registry,
            digest,
            data,
        }
    }

    /// Starts the registry again, before an upstream that is well.
    fn start_again(&mut self) {
        self.upstream.behave();
        self.registry.start_again();
    }

    /// Asks for the blob: the range that the upstream was asked for, if it comes whole.
    #[track_caller]
    fn pull(&self) -> Result<Option<String>, String> {
        let before = self.upstream.asked().len();
        let client = self.registry.plain();
        let path = format!("/v2/up.example/a/b/blobs/{}", self.digest);
        let request = client.request(Method::GET, path);
        let answer = request.over(&mut Session::of(&client));
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(answer.to_string());
        }
        assert_eq!(Digest::of(&answer.body), self.digest);
        let asked = self.upstream.asked().into_iter().skip(before);
        let mut blobs = asked.filter(|asked| asked.path().ends_with(self.digest.as_str()));
        let range = blobs.next().expect("the upstream was asked").headers;
        let range = range.get("range").map(|range| range.to_str());
        Ok(range.map(|range| range.expect("text").to_owned()))
    }

    #[track_caller]
    fn finish(self) {
        let truth = self.registry.finish().no_uploads();
        assert_eq!(truth.blobs[&self.digest], SIZE);
        assert!(!self.data.exists());
    }
}

#[test]
fn a_stop_does_not_wait_for_an_upstream_and_what_has_come_stays() {
    let mut lab = Lab::new();
    let begun = Instant::now();
    lab.registry.stop();
    assert!(begun.elapsed() < STOPPED, "{:?}", begun.elapsed());
    let kept = lab.data.metadata().expect("it is kept").len();
    assert_eq!(kept, COME);
    lab.start_again();
    assert_eq!(lab.pull(), Ok(Some(format!("bytes={COME}-"))));
    lab.finish();
}

/// After a kill and this, the blob comes right, if not at the first attempt then at the second.
#[track_caller]
fn check_damaged(damage: impl FnOnce(&mut File)) {
    let mut lab = Lab::new();
    lab.registry.kill();
    let file = File::options().write(true).open(&lab.data);
    damage(&mut file.expect("it is kept"));
    lab.start_again();
    if lab.pull().is_err() {
        lab.pull().expect("it comes anew");
    }
    lab.finish();
}

#[test]
fn what_a_power_cut_has_made_of_it_is_never_served_to_its_end() {
    // Of the end no byte was written, or nothing of it at all.
    check_damaged(|file| {
        file.seek(SeekFrom::Start(COME - 4096))
            .expect("it is so long");
        file.write_all(&[0; 4096]).expect("it can be written");
    });
    check_damaged(|file| file.set_len(0).expect("it can be cut"));
    check_damaged(|file| file.set_len(COME / 2 + 1).expect("it can be cut"));
}

#[test]
fn more_than_there_should_be_is_never_served() {
    check_damaged(|file| file.set_len(SIZE).expect("it can be made longer"));
    check_damaged(|file| file.set_len(SIZE + 1).expect("it can be made longer"));
}

#[test]
fn a_manifest_that_says_less_does_not_end_a_blob_early() {
    let mut lab = Lab::new();
    lab.registry.kill();
    let image = Image::new(Format::Oci, "of another repository");
    let less = json!([{
        "mediaType": media_type::OCI_LAYER,
        "digest": lab.digest.as_str(),
        "size": 1000,
    }]);
    let manifest = image.manifest.with("layers", less);
    lab.upstream.put_blob("c/d", &image.config);
    lab.upstream.put_blob("c/d", Noise::new(1, SIZE));
    lab.upstream.put_manifest("c/d", "1", &manifest);
    lab.start_again();
    // Nor does the upstream say how much there is.
    lab.upstream.when(|_| [Fault::IgnoredRange, Fault::Chunked]);
    let client = lab.registry.plain();
    client.manifest("up.example/c/d", "1").expect(200);
    let path = format!("/v2/up.example/c/d/blobs/{}", lab.digest);
    let request = client.request(Method::GET, path);
    if let Ok(answer) = request.over(&mut Session::of(&client)) {
        assert_eq!(answer.status, 502, "{answer}");
    }
    lab.upstream.behave();
    lab.pull().expect("it comes where its size is known");
    lab.finish();
}

#[test]
fn a_fetch_whose_file_is_gone_begins_anew() {
    let mut lab = Lab::new();
    lab.registry.kill();
    fs::remove_file(&lab.data).expect("it is kept");
    lab.start_again();
    assert_eq!(lab.pull(), Ok(None));
    lab.finish();
}
