//! A kill in the midst of a download: the rest alone is fetched.

use harness::{At, Fault, Gate, Noise, Upstream};

use crate::lab::{Lab, known, read};

const LENGTH: u64 = 20_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_only_the_rest_is_fetched() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", Noise::new(5, LENGTH)));
    let lab = Lab::new(&upstream).await;
    upstream.always(Fault::Hold(At::Byte(15_000_000), Gate::new()));
    let mut reader = lab.arriving(digest).await;
    // The last byte that has come is kept back.
    assert_eq!(
        reader.read(14_999_998, 9).await.expect("it has come").len(),
        1
    );
    drop(reader);
    let lab = lab.killed(&upstream).await;
    upstream.behave();
    let reader = lab.arriving(digest).await;
    assert_eq!(read(reader).await.expect("it comes"), (digest, LENGTH));
    let again = upstream.asked().pop().expect("it was asked again");
    assert_eq!(again.header("range"), Some("bytes=15000000-"));
    assert_eq!(again.sent, 5_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_costs_at_most_what_was_on_its_way() {
    let upstream = Upstream::start();
    let digest = known(&upstream.put_blob("a/b", Noise::new(5, LENGTH)));
    for percent in [1, 10, 25, 50, 75, 90, 99] {
        let there = LENGTH * percent / 100;
        let lab = Lab::new(&upstream).await;
        upstream.always(Fault::Hold(At::Byte(there), Gate::new()));
        let mut reader = lab.arriving(digest).await;
        reader.read(there - 2, 1).await.expect("it has come");
        drop(reader);
        let lab = lab.killed(&upstream).await;
        upstream.behave();
        assert_eq!(
            read(lab.arriving(digest).await).await.expect("it comes"),
            (digest, LENGTH)
        );
        let again = upstream.asked().pop().expect("it was asked again");
        assert_eq!(again.sent, LENGTH - there, "{percent} %");
    }
}
