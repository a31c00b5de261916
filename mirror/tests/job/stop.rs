//! A job that is stopped leaves what has come, and the next one goes on there.

use bytes::Bytes;
use harness::{At, Fault, Format, Gate, Image, Noise, Upstream};
use roadstead_mirror::job::{CutShort, Event, State};

use crate::lab::{Lab, is_for_blob, states, tagged};

const LENGTH: u64 = 3_000_000;
const STOP_AT: u64 = 2_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_job_goes_on_where_it_was() {
    let upstream = Upstream::start();
    let layer = Noise::new(1, LENGTH).bytes();
    let digest = harness::Digest::of(&layer);
    let large = Image::assemble(Format::Oci, Bytes::from_static(b"{}"), vec![layer]);
    upstream.put("a/b", "small", &crate::lab::image("small"));
    upstream.put("a/b", "large", &large);
    let stuck = digest.clone();
    upstream.when(move |asked| {
        let is_it = is_for_blob(asked, stuck.as_str());
        is_it.then(|| Fault::Hold(At::Byte(STOP_AT), Gate::new()))
    });
    let lab = Lab::new(&upstream).await;
    let wanted = || lab.order([tagged("large"), tagged("small")]);
    let stopper = async {
        let small_is_done = || {
            let is_done = |event: &Event| matches!(event, Event::ImageDone { .. });
            lab.events().iter().any(is_done)
        };
        while lab.told() < STOP_AT || !small_is_done() {
            tokio::task::yield_now().await;
        }
        lab.stop();
    };
    let (outcome, ()) = tokio::join!(lab.run(wanted()), stopper);
    assert_eq!(outcome.cut_short, Some(CutShort::Stopped));
    assert!(!outcome.is_complete());
    let expected = [
        ("upstream/a/b:large", State::Left),
        ("upstream/a/b:small", State::New),
    ];
    assert_eq!(states(&outcome), expected);
    assert_eq!(lab.tags("upstream/a/b").await, ["small"]);
    upstream.behave();
    let outcome = lab.run(wanted()).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    let asked = upstream.asked().into_iter();
    let asked = asked.filter(|asked| is_for_blob(asked, digest.as_str()));
    let again = asked.last().expect("the layer is asked for");
    assert_eq!(again.header("range"), Some(&*format!("bytes={STOP_AT}-")));
    assert_eq!(again.sent, LENGTH - STOP_AT);
    assert!(lab.whole("upstream/a/b", "large").await.is_some());
}
