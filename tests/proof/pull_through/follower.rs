//! How soon those who read along have what has come.

use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use harness::{At, Fault, Format, Gate, Image, Noise, Upstream, eventually};

use super::{MIB, ask, begins, goes_on, is_long, registry};

const FOLLOWERS: usize = 200;
/// How large the blob is, in bytes.
const SIZE: u64 = 4 * MIB;
/// After so many bytes the upstream pauses.
const FIRST: u64 = MIB;
/// After so many it pauses again.
const SECOND: u64 = FIRST + 64 * 1024;
/// How soon a byte that has come must be with each follower.
const SOON: Duration = Duration::from_millis(50);
/// The same on a machine where other things happen.
const SOON_ENOUGH: Duration = Duration::from_secs(1);

/// The middle and the end of these, for people.
fn figures(mut spans: Vec<Duration>) -> (Duration, Duration) {
    spans.sort();
    (spans[spans.len() / 2], spans[spans.len() - 1])
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn who_reads_along_has_each_byte_at_once() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, SIZE).bytes();
    let image = Image::assemble(Format::Oci, "{}".into(), vec![layer.clone()]);
    upstream.put("a/b", "1", &image);
    let registry = registry(&upstream, "");
    let client = registry.plain();
    client.manifest("up.example/a/b", "1").expect(200);
    let (first, second) = (Gate::new(), Gate::new());
    let gates = [(FIRST, first.clone()), (SECOND, second.clone())];
    upstream.when(move |_| {
        let held = gates.clone();
        held.map(|(at, gate)| Fault::Hold(At::Byte(at), gate))
    });
    let digest = harness::Digest::of(&layer);
    let path = format!("/v2/up.example/a/b/blobs/{digest}");
    let data = format!("fetches/sha256/{}/data", digest.hex());
    let data = registry.data().join(data);
    let come = usize::try_from(FIRST).expect("it fits into memory");

    let (drained, all_drained) = mpsc::channel();
    let (reached, all_reached) = mpsc::channel();
    let opened = Barrier::new(FOLLOWERS + 1);
    let (connected, continued) = thread::scope(|scope| {
        let mut leader = ask(&client, &path);
        begins(&mut leader, SIZE);
        eventually("the beginning has come", || {
            data.metadata().is_ok_and(|data| data.len() == FIRST)
        });
        for _ in 0..FOLLOWERS {
            let (drained, reached) = (drained.clone(), reached.clone());
            let (client, path, layer, opened) = (&client, &path, &layer, &opened);
            scope.spawn(move || {
                let begun = Instant::now();
                let mut follower = ask(client, path);
                begins(&mut follower, SIZE);
                goes_on(&mut follower, &layer[..1]);
                let took = begun.elapsed();
                // The last byte that has come waits until it is known that it is not the last of all.
                goes_on(&mut follower, &layer[1..come - 1]);
                drained.send(took).expect("the test waits for it");
                opened.wait();
                // What was kept back, and one that comes now.
                goes_on(&mut follower, &layer[come - 1..=come]);
                reached.send(Instant::now()).expect("the test waits for it");
                goes_on(&mut follower, &layer[come + 1..]);
            });
        }
        let connected: Vec<_> = all_drained.iter().take(FOLLOWERS).collect();
        opened.wait();
        let opened = Instant::now();
        first.open();
        let reached = all_reached.iter().take(FOLLOWERS);
        let continued = reached
            .map(|at| at.saturating_duration_since(opened))
            .collect();
        second.open();
        goes_on(&mut leader, &layer);
        (connected, continued)
    });

    let ((middle, last), (middle_begun, last_begun)) = (figures(continued), figures(connected));
    println!(
        "{FOLLOWERS} followers have a byte {middle:.1?} after it came, the last one {last:.1?}; \
         the first byte {middle_begun:.1?} after they asked all at once, the last one {last_begun:.1?}"
    );
    let limit = if is_long() { SOON } else { SOON_ENOUGH };
    assert!(last <= limit, "{last:?}");
    assert_eq!(upstream.count(|asked| asked.path().contains("/blobs/")), 1);
    registry.finish().no_uploads();
}
