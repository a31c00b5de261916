//! Clients that pull the same large blob over and over while something happens to the registry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use http::Method;

use crate::client::Client;
use crate::digest::Digest;

/// Pulls this blob of `a/b` through each of these clients in a loop, does `work` once all have
/// finished a first pull, and goes on until each has finished one that began after the work was done. Any error, short
/// answer or wrong byte fails the test.
#[track_caller]
pub fn pulling<T>(clients: &[Client], blob: &Digest, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    let (first, firsts) = mpsc::channel();
    thread::scope(|scope| {
        for client in clients {
            let (done, first) = (&done, first.clone());
            scope.spawn(move || {
                pull(client, blob);
                first.send(()).expect("the test waits for it");
                loop {
                    let last = done.load(Ordering::SeqCst);
                    pull(client, blob);
                    if last {
                        break;
                    }
                }
            });
        }
        drop(first);
        for _ in clients {
            firsts.recv().expect("each client finishes a pull");
        }
        let outcome = work();
        done.store(true, Ordering::SeqCst);
        outcome
    })
}

#[track_caller]
fn pull(client: &Client, blob: &Digest) {
    let download = client
        .request(Method::GET, format!("/v2/a/b/blobs/{blob}"))
        .download();
    download.response.expect(200);
    assert_eq!(download.digest, *blob);
}
