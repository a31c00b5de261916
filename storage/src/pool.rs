//! The way to tokio's blocking pool.

use std::panic;

/// Runs `work` where it may block. It runs to its end even when the future is dropped; its panic is the
/// caller's.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(cause) => panic::resume_unwind(cause),
            // The runtime is going down and takes its tasks, this one too, along.
            Err(_) => std::future::pending().await,
        },
    }
}

/// As [`blocking`], for what nobody waits for. To be called within a runtime.
pub(crate) fn later(work: impl FnOnce() + Send + 'static) {
    drop(tokio::task::spawn_blocking(work));
}
