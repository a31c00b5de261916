//! Runs jobs when they are due.
//!
//! Owns the waiting, and nothing else: when jobs are due is theirs to say. A clock that is set or a
//! machine that slept is noticed within a minute. What was missed while nothing ran is made up for at
//! the start, once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use roadstead_certs::Clock;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::jobs::roster::Roster;

/// The longest time without a look at the clock.
const LOOK: Duration = Duration::from_mins(1);

/// Runs the jobs of `roster` until `stop`. Those under way are then told to stop, and are due again at
/// the next start.
///
/// # Cancel safety
/// Dropped, it is as with `stop`.
pub(crate) async fn run(roster: Roster, clock: Clock, stop: CancellationToken) {
    let mut waiting = FuturesUnordered::new();
    let mut followed = BTreeSet::new();
    loop {
        let mut pause = LOOK;
        for (name, due) in roster.due() {
            if followed.contains(&name) {
                continue;
            }
            match due.duration_since(clock()) {
                Ok(left) if !left.is_zero() => pause = pause.min(left),
                _ => {
                    followed.insert(name.clone());
                    waiting.push(follow(roster.clone(), name));
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = roster.changed() => {}
            () = sleep(pause) => {}
            Some(ended) = waiting.next() => {
                followed.remove(&ended);
            }
        }
    }
}

/// Has a job run to its end, and says which it was.
async fn follow(roster: Roster, name: String) -> String {
    if let Some(mut follower) = roster.run(&name).await {
        follower.ended().await;
    }
    name
}
