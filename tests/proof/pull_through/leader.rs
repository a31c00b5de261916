//! Whoever asked first hangs up: those who read along notice nothing of it.

use std::thread;

use harness::{At, Digest, Fault, Format, Gate, Image, Noise, Upstream, eventually};
use http::Method;

use super::{MIB, ask, begins, goes_on, is_long, registry};

const FOLLOWERS: usize = 20;
/// How large each blob is, in bytes.
const SIZE: u64 = 256 * MIB;
/// The same where there is no time.
const SIZE_IN_SHORT: u64 = 16 * MIB;
/// How much has come when the leader hangs up, in percent.
const PERCENT: [u64; 6] = [1, 10, 25, 50, 75, 99];

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it saw")]
fn a_leader_that_hangs_up_disturbs_nobody() {
    let upstream = Upstream::start();
    let size = if is_long() { SIZE } else { SIZE_IN_SHORT };
    let registry = registry(&upstream, "");
    let client = registry.plain();
    for percent in PERCENT {
        let noise = Noise::new(percent, size);
        let image = Image::assemble(Format::Oci, "{}".into(), vec![noise.bytes()]);
        let tag = percent.to_string();
        upstream.put("a/b", &tag, &image);
        client.manifest("up.example/a/b", &tag).expect(200);
        let digest = Digest::of(&image.layers[0]);
        let path = format!("/v2/up.example/a/b/blobs/{digest}");
        let (gate, come) = (Gate::new(), size * percent / 100);
        upstream.always(Fault::Hold(At::Byte(come), gate.clone()));
        let data = format!("fetches/sha256/{}/data", digest.hex());
        let data = registry.data().join(data);

        thread::scope(|scope| {
            let mut leader = ask(&client, &path);
            begins(&mut leader, size);
            let followers: Vec<_> = (0..FOLLOWERS)
                .map(|_| {
                    let mut follower = ask(&client, &path);
                    begins(&mut follower, size);
                    follower
                })
                .collect();
            eventually("the beginning has come", || {
                data.metadata().is_ok_and(|data| data.len() == come)
            });
            leader.cut();
            for mut follower in followers {
                let content = &image.layers[0];
                scope.spawn(move || goes_on(&mut follower, content));
            }
            gate.open();
        });

        let asked = |path: &str| upstream.count(|asked| asked.path().ends_with(path));
        assert_eq!(asked(digest.as_str()), 1, "at {percent} %");
        let again = client.request(Method::GET, &path).download();
        assert_eq!(again.digest, digest);
        println!("the leader hung up at {percent} %: {FOLLOWERS} others have all, one download");
    }
    registry.finish().no_uploads();
}
