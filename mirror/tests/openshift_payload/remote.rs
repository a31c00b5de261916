//! Reading from an upstream: what breaks off is gone on with, and what is wrong is not believed.

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use harness::{At, DEADLINE, Fault};
use roadstead_mirror::openshift::{ReadError, file};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::lab::{LENGTH, Lab, is_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_whole_however_often_its_layer_breaks_off() {
    let lab = Lab::new();
    let (asked, layer) = (AtomicUsize::new(0), lab.layer.to_string());
    lab.upstream.when(move |request| {
        let breaks_off = is_for(request, &layer) && asked.fetch_add(1, Ordering::Relaxed) < 3;
        breaks_off.then_some(Fault::Cut(At::Byte(LENGTH / 5)))
    });
    assert!(lab.read().await.expect("it comes") == lab.program);
    let asked = lab.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=600000-"),
            Some("bytes=1200000-"),
            Some("bytes=1800000-")
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_with_another_byte_is_not_believed_wherever_that_is() {
    let lab = Lab::new();
    // In the header of gzip, within the program, and behind the end of the archive.
    for byte in [0, 4, LENGTH / 2, LENGTH + 200] {
        lab.upstream.behave();
        let layer = lab.layer.to_string();
        lab.upstream
            .when(move |request| is_for(request, &layer).then_some(Fault::Flipped(byte)));
        let refused = lab.read().await.expect_err("it is another layer");
        let is_damaged = matches!(&refused, ReadError::Damaged { digest }
            if digest.to_string() == lab.layer.as_str());
        assert!(is_damaged, "byte {byte}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_longer_or_not_there_is_not_believed() {
    let lab = Lab::new();
    let layer = lab.layer.to_string();
    let wrong = move |request: &_| is_for(request, &layer).then_some(Fault::Appended(9));
    lab.upstream.when(wrong);
    let refused = lab.read().await.expect_err("it is another layer");
    assert!(matches!(refused, ReadError::Damaged { .. }), "{refused:?}");
    lab.upstream.behave();
    let layer = lab.layer.to_string();
    let gone = move |request: &_| is_for(request, &layer).then_some(Fault::status(404));
    lab.upstream.when(gone);
    let refused = lab.read().await.expect_err("there is none");
    assert!(matches!(refused, ReadError::Missing { .. }), "{refused:?}");
}

#[test]
fn a_reading_that_is_given_up_leaves_no_thread_behind() {
    let (send, ended) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let lab = Lab::new();
            let (content, image) = lab.image().await;
            lab.upstream.always(Fault::stall(At::Byte(LENGTH / 2)));
            let half_way = Notify::new();
            let reading = file(&content, &image, "usr/bin/oc", |_| {
                half_way.notify_one();
                ready(Ok(()))
            });
            tokio::select! {
                read = reading => panic!("it cannot be read: {read:?}"),
                () = half_way.notified() => {}
            }
        });
        // Waits for every thread that works for it.
        drop(runtime);
        send.send(()).expect("the test waits");
    });
    ended.recv_timeout(DEADLINE).expect("no thread is left");
}
