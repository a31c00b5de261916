//! What the memory keeps, for how long, and how much of it.

use bytes::Bytes;

use super::*;
use crate::oci::{Algorithm, Digest, MediaType};
use crate::repo_locks::RepoLocks;

fn repo(number: usize) -> RepoName {
    format!("team/app-{number}").parse().unwrap()
}

fn manifest(length: usize, seed: usize) -> Held {
    let mut bytes = vec![b' '; length];
    let seed = seed.to_string();
    let at = length.min(seed.len());
    bytes[..at].copy_from_slice(&seed.as_bytes()[..at]);
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let stored = Stored::new(digest, MediaType::OCI_MANIFEST, Bytes::from(bytes));
    Held::new(stored, Origin::Pushed, SystemTime::UNIX_EPOCH)
}

fn state(digest: Digest) -> TagState {
    TagState {
        digest,
        origin: Origin::Pushed,
        checked_at: None,
    }
}

#[test]
fn a_tag_leads_to_its_manifest_in_its_own_repository() {
    let (memory, locks) = (Memory::default(), RepoLocks::default());
    let name = repo(1);
    let now = locks.still(&name).unwrap();
    let held = manifest(100, 1);
    let digest = held.stored.digest;
    let tag: Tag = "latest".parse().unwrap();
    memory.remember_tag(&name, &tag, state(digest), now);
    let by_tag = Reference::Tag(tag.clone());
    assert!(memory.manifest(&name, &by_tag, now).is_none());
    memory.remember_manifest(&name, held, now);
    let found = memory.manifest(&name, &by_tag, now).unwrap();
    assert_eq!(found.stored.digest, digest);
    assert_eq!(memory.tag(&name, &tag, now), Some(state(digest)));
    let elsewhere = repo(2);
    let then = locks.still(&elsewhere).unwrap();
    assert!(memory.manifest(&elsewhere, &by_tag, then).is_none());
    let by_digest = Reference::Digest(digest);
    assert!(memory.manifest(&elsewhere, &by_digest, then).is_none());
}

#[test]
fn what_was_read_before_a_change_or_while_it_went_on_is_not_given_after_it() {
    let (memory, locks) = (Memory::default(), RepoLocks::default());
    let name = repo(1);
    let before = locks.still(&name).unwrap();
    let held = manifest(100, 1);
    let by_digest = Reference::Digest(held.stored.digest);
    let change = locks.blocking_lock(&name);
    // A slow reader, who had looked at the files before.
    memory.remember_manifest(&name, held, before);
    drop(change);
    let after = locks.still(&name).unwrap();
    assert!(memory.manifest(&name, &by_digest, after).is_none());
    memory.remember_manifest(&name, manifest(100, 1), after);
    assert!(memory.manifest(&name, &by_digest, after).is_some());
}

#[test]
fn all_that_is_kept_stays_within_the_budget_and_nothing_is_kept_at_first() {
    let (memory, locks) = (Memory::default(), RepoLocks::default());
    assert_eq!(memory.0.weight(), 0);
    for number in 0..40_000 {
        let name = repo(number % 1000);
        let now = locks.still(&name).unwrap();
        let held = manifest(1 + number % 5000, number);
        let tag: Tag = format!("v{number}").parse().unwrap();
        memory.remember_tag(&name, &tag, state(held.stored.digest), now);
        memory.remember_manifest(&name, held, now);
        assert!(memory.0.weight() <= BUDGET);
    }
    assert!(memory.0.weight() > BUDGET / 2, "most of the budget is used");
}

#[test]
fn a_manifest_that_is_too_large_is_not_kept_and_one_that_is_just_small_enough_is() {
    let (memory, locks) = (Memory::default(), RepoLocks::default());
    let name = repo(1);
    let now = locks.still(&name).unwrap();
    let limit = usize::try_from(MAX_BYTES).unwrap();
    for (length, is_kept) in [(limit + 1, false), (limit, true)] {
        let held = manifest(length, length);
        let by_digest = Reference::Digest(held.stored.digest);
        memory.remember_manifest(&name, held, now);
        assert_eq!(memory.manifest(&name, &by_digest, now).is_some(), is_kept);
    }
}

#[test]
fn what_is_asked_for_again_and_again_outlives_what_is_asked_for_once() {
    let (memory, locks) = (Memory::default(), RepoLocks::default());
    let hot: Vec<_> = (0..50).map(|number| (repo(number), number)).collect();
    let is_there = |name: &RepoName, seed| {
        let now = locks.still(name).unwrap();
        let digest = manifest(2000, seed).stored.digest;
        let found = memory.manifest(name, &Reference::Digest(digest), now);
        found.is_some()
    };
    for (name, seed) in &hot {
        let now = locks.still(name).unwrap();
        memory.remember_manifest(name, manifest(2000, *seed), now);
    }
    let elsewhere = repo(10_000);
    let now = locks.still(&elsewhere).unwrap();
    for seed in 1000..20_000 {
        memory.remember_manifest(&elsewhere, manifest(2000, seed), now);
        if seed % 100 == 0 {
            assert!(hot.iter().all(|(name, seed)| is_there(name, *seed)));
        }
    }
}

#[test]
fn one_of_many_who_ask_at_once_is_told_to_note_it_and_once_in_a_while() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(1000);
    let (hour, minute) = (Duration::from_hours(1), Duration::from_mins(1));
    let digest = Digest::of(Algorithm::Sha256, b"");
    let stored = Stored::new(digest, MediaType::OCI_MANIFEST, Bytes::new());
    let held = Held::new(stored, Origin::PulledThrough, start);
    assert!(!held.takes_note(start + 59 * minute, hour));
    let due = start + hour;
    let told = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| held.takes_note(due, hour));
        let asking: Vec<_> = (0..8).map(|_| ask()).collect();
        let told = asking.into_iter().map(|asked| asked.join().unwrap());
        told.filter(|is_told| *is_told).count()
    });
    assert_eq!(told, 1);
    assert!(!held.takes_note(due + 59 * minute, hour));
    // The clock was set back.
    assert!(held.takes_note(start, hour));
}
