//! Which manifests of a repository stay, and which of the others go together.
//!
//! An index holds its children and a subject its referrers: what is held stays as long as what holds it.
//! Manifests are strangers' documents, so there may be circles. Knows nothing of files.

use std::cmp::Reverse;
use std::time::SystemTime;

/// A manifest, as far as it matters here; others are named by their places in the list.
#[derive(Debug)]
pub(super) struct Node {
    /// When somebody last asked for it.
    pub(super) last_use: SystemTime,
    /// Why it stays, whatever holds it.
    pub(super) stays: Option<Stay>,
    /// Its children and its referrers.
    pub(super) holds: Vec<usize>,
    /// What it says something about: it is a referrer.
    pub(super) subjects: Vec<usize>,
}

/// Why a manifest stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stay {
    /// It was used a moment ago.
    ForNow,
    /// Somebody brought it on purpose.
    ForGood,
}

/// Manifests that go together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// When somebody last asked for one of them, or for what holds them.
    pub(super) last_use: SystemTime,
    /// These.
    pub(super) members: Vec<usize>,
    /// Other families that it holds: all of them later in the list.
    pub(super) holds: Vec<usize>,
    /// Whether it holds something that stays.
    pub(super) holds_staying: bool,
}

/// Which manifests stay: those that have a reason, and all that they hold. What somebody brought on
/// purpose also keeps what it is about: a signature is worth nothing without its image.
pub(super) fn staying(nodes: &[Node]) -> Vec<bool> {
    let mut stays: Vec<Option<Stay>> = vec![None; nodes.len()];
    let reasons = nodes.iter().enumerate();
    let mut pending: Vec<_> = reasons
        .filter_map(|(place, node)| Some((place, node.stays?)))
        .collect();
    while let Some((place, reason)) = pending.pop() {
        if stays[place] >= Some(reason) {
            continue;
        }
        stays[place] = Some(reason);
        let Node {
            holds, subjects, ..
        } = &nodes[place];
        pending.extend(holds.iter().map(|held| (*held, reason)));
        if reason == Stay::ForGood {
            pending.extend(subjects.iter().map(|subject| (*subject, reason)));
        }
    }
    stays.iter().map(Option::is_some).collect()
}

/// The manifests that do not stay, as families; whoever holds comes before what is held, and what was
/// used earlier before what was used later. A referrer is of no use without its subject, and so goes with
/// it, whenever somebody asked for it.
pub(super) fn families(nodes: &[Node], stays: &[bool]) -> Vec<Family> {
    let is_follower = |place: &usize| !nodes[*place].subjects.is_empty();
    let mut order: Vec<_> = (0..nodes.len()).filter(|place| !stays[*place]).collect();
    // Followers last: those whose subject is not here, or only in a circle with them.
    order.sort_by_key(|place| (is_follower(place), Reverse(nodes[*place].last_use)));
    let mut family_of: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut families: Vec<Family> = Vec::new();
    let mut newest = None;
    for first in order {
        if family_of[first].is_some() {
            continue;
        }
        let number = families.len();
        let last_use = nodes[first].last_use;
        let mut family = Family {
            // Never later than that of what it may hold.
            last_use: newest.map_or(last_use, |newest| last_use.min(newest)),
            members: Vec::new(),
            holds: Vec::new(),
            holds_staying: false,
        };
        newest = Some(family.last_use);
        // All that it holds, and that nothing newer holds.
        let mut pending = vec![first];
        while let Some(place) = pending.pop() {
            match family_of[place] {
                None if stays[place] => family.holds_staying = true,
                None => {
                    family_of[place] = Some(number);
                    family.members.push(place);
                    pending.extend(&nodes[place].holds);
                }
                Some(other) if other == number => {}
                Some(newer) => family.holds.push(newer),
            }
        }
        families.push(family);
    }
    oldest_first(families)
}

fn oldest_first(mut families: Vec<Family>) -> Vec<Family> {
    let last = families.len().saturating_sub(1);
    families.reverse();
    for family in &mut families {
        for held in &mut family.holds {
            *held = last - *held;
        }
        family.holds.sort_unstable();
        family.holds.dedup();
    }
    families
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn node(last_use: u64, stays: Option<Stay>, holds: &[usize], subject: Option<usize>) -> Node {
        Node {
            last_use: SystemTime::UNIX_EPOCH + Duration::from_secs(last_use),
            stays,
            holds: holds.to_vec(),
            subjects: subject.into_iter().collect(),
        }
    }

    /// What goes together, oldest first.
    #[track_caller]
    fn check(nodes: &[Node], expected: &[(u64, &[usize], &[usize])]) {
        let families = families(nodes, &staying(nodes));
        let found: Vec<_> = families
            .into_iter()
            .map(|family| {
                let mut members = family.members;
                members.sort_unstable();
                let since = family.last_use.duration_since(SystemTime::UNIX_EPOCH);
                (since.unwrap().as_secs(), members, family.holds)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(last_use, members, holds)| (*last_use, members.to_vec(), holds.to_vec()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_holds_goes_first_and_what_is_older_before_what_is_newer() {
        let lone = || node(5, None, &[], None);
        check(
            &[lone(), node(3, None, &[], None)],
            &[(3, &[1], &[]), (5, &[0], &[])],
        );
        // An index that was used with its child; its other child lives by it alone.
        let index = node(3, None, &[1, 2], None);
        let (used, unused) = (node(4, None, &[], None), node(1, None, &[], None));
        check(
            &[index, used, unused],
            &[(3, &[0, 2], &[1]), (4, &[1], &[])],
        );
    }

    #[test]
    fn what_stays_keeps_what_it_holds() {
        let now = Some(Stay::ForNow);
        let child = || node(1, None, &[2], None);
        let signature = || node(1, None, &[], Some(1));
        check(&[node(9, now, &[1], None), child(), signature()], &[]);
        // A child that is in use does not keep its index.
        let index = [node(2, None, &[1], None), node(9, now, &[], None)];
        check(&index, &[(2, &[0], &[])]);
        assert!(families(&index, &staying(&index))[0].holds_staying);
    }

    #[test]
    fn what_was_brought_on_purpose_keeps_what_it_is_about() {
        let image = || node(1, None, &[1], None);
        let signature = |stays| node(1, stays, &[], Some(0));
        check(&[image(), signature(Some(Stay::ForGood))], &[]);
        check(&[image(), signature(Some(Stay::ForNow))], &[(1, &[0], &[])]);
    }

    #[test]
    fn a_referrer_goes_with_its_subject() {
        let nodes = [
            node(1, None, &[1], None),
            node(5, None, &[], Some(0)),
            node(3, None, &[], None),
        ];
        check(&nodes, &[(1, &[0, 1], &[]), (3, &[2], &[])]);
    }

    #[test]
    fn a_circle_goes_together() {
        let circle = [
            node(1, None, &[1], None),
            node(2, None, &[2], Some(0)),
            node(3, None, &[0], None),
        ];
        check(&circle, &[(3, &[0, 1, 2], &[])]);
        let circle = [
            node(1, None, &[1], Some(1)),
            node(2, None, &[0, 2], Some(0)),
            node(1, None, &[], None),
        ];
        check(&circle, &[(1, &[0, 1], &[1]), (1, &[2], &[])]);
    }
}
