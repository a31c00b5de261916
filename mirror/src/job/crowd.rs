//! Many futures, some of them at a time, within the task of whoever waits for them.

use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Runs them, `at_once` at a time; their outcomes are in their order. The first failure ends all.
///
/// # Cancel safety
/// Dropped, so are those that have not ended.
pub(super) async fn all<F, T, E>(at_once: usize, futures: Vec<F>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    let numbered: Vec<_> = futures
        .into_iter()
        .enumerate()
        .map(|(number, future)| async move { future.await.map(|outcome| (number, outcome)) })
        .collect();
    let mut ended: Vec<_> = stream::iter(numbered)
        .buffer_unordered(at_once)
        .try_collect()
        .await?;
    ended.sort_unstable_by_key(|(number, _)| *number);
    Ok(ended.into_iter().map(|(_, outcome)| outcome).collect())
}
