//! Chooses what goes: what was not used for longest, as long as more has to go, and nothing in vain.
//!
//! Content counts only when the last one who needs it goes. Images that share all of their layers with
//! what is kept would free nothing, so they stay, however old they are. Pure: knows nothing of files.

use std::sync::Arc;
use std::time::SystemTime;

use crate::oci::{Digest, RepoName};

/// Manifests of a repository that go together.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) repository: Arc<RepoName>,
    pub(super) last_use: SystemTime,
    pub(super) manifests: Vec<Digest>,
    /// Their layers, each once, by place in the list of layers.
    pub(super) layers: Vec<usize>,
    /// Candidates that may go only with this one, or after it: all of them later in the list.
    pub(super) holds: Vec<usize>,
    /// Whether something that stays is listed by it.
    pub(super) holds_staying: bool,
}

/// A layer that candidates need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    /// What it takes on disk.
    pub(super) bytes: u64,
    /// By how many candidates it is needed.
    pub(super) holders: usize,
    /// Whether it stays in any case.
    pub(super) stays: bool,
}

impl Layer {
    fn goes(&self) -> bool {
        self.holders == 0 && !self.stays
    }
}

/// Puts candidates of many repositories, each list in its order, into one: the oldest first.
pub(super) fn merge(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut numbered: Vec<_> = candidates.into_iter().enumerate().collect();
    // Stable: those of one repository keep their order.
    numbered.sort_by_key(|(_, candidate)| candidate.last_use);
    let mut places = vec![0; numbered.len()];
    for (place, (number, _)) in numbered.iter().enumerate() {
        places[*number] = place;
    }
    let renumber = |(_, mut candidate): (usize, Candidate)| {
        for held in &mut candidate.holds {
            *held = places[*held];
        }
        candidate
    };
    numbered.into_iter().map(renumber).collect()
}

/// Which of the candidates, in the order in which they are to go, make `goal` bytes free; all that are
/// worth it, when that is not enough.
pub(super) fn choose(candidates: &[Candidate], mut layers: Vec<Layer>, goal: u64) -> Vec<usize> {
    let mut freed = 0;
    let mut end = 0;
    while end < candidates.len() && freed < goal {
        for place in &candidates[end].layers {
            let layer = &mut layers[*place];
            layer.holders -= 1;
            if layer.goes() {
                freed += layer.bytes;
            }
        }
        end += 1;
    }
    // From the last one on, since one that holds another must not stay when that goes.
    let mut goes = vec![false; end];
    for place in (0..end).rev() {
        let Candidate {
            layers: own,
            holds,
            holds_staying,
            ..
        } = &candidates[place];
        // A list of what nobody ever asked for is of no use to anybody.
        let is_bare = own.is_empty() && holds.is_empty() && !holds_staying;
        let makes_room = || own.iter().any(|layer| layers[*layer].goes());
        let outlives = || holds.iter().any(|held| goes.get(*held) == Some(&true));
        goes[place] = is_bare || makes_room() || outlives();
    }
    (0..end).filter(|place| goes[*place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Candidates that need these layers and hold these others; layers of 10 bytes each, of which the
    /// first stays.
    #[track_caller]
    fn check(candidates: &[(&[usize], &[usize])], goal: u64, expected: &[usize]) {
        let repository: Arc<RepoName> = Arc::new("a".parse().unwrap());
        let mut layers = vec![
            Layer {
                bytes: 10,
                holders: 0,
                stays: false
            };
            4
        ];
        layers[0].stays = true;
        let candidates: Vec<_> = candidates
            .iter()
            .map(|(own, holds)| {
                own.iter().for_each(|layer| layers[*layer].holders += 1);
                Candidate {
                    repository: Arc::clone(&repository),
                    last_use: SystemTime::UNIX_EPOCH,
                    manifests: Vec::new(),
                    layers: own.to_vec(),
                    holds: holds.to_vec(),
                    holds_staying: false,
                }
            })
            .collect();
        assert_eq!(choose(&candidates, layers, goal), expected);
    }

    #[test]
    fn the_oldest_go_until_it_is_enough() {
        let three: [(&[usize], &[usize]); 3] = [(&[1], &[]), (&[2], &[]), (&[3], &[])];
        check(&three, 0, &[]);
        check(&three, 1, &[0]);
        check(&three, 11, &[0, 1]);
        check(&three, 1000, &[0, 1, 2]);
    }

    #[test]
    fn a_shared_layer_counts_when_its_last_holder_goes() {
        let shared: [(&[usize], &[usize]); 3] = [(&[1], &[]), (&[1], &[]), (&[2], &[])];
        check(&shared, 10, &[0, 1]);
    }

    #[test]
    fn what_would_free_nothing_stays() {
        // The first shares its layer with what is kept, the second with what need not go.
        check(
            &[(&[0], &[]), (&[2], &[]), (&[1], &[]), (&[2], &[])],
            10,
            &[2],
        );
    }

    #[test]
    fn one_that_holds_another_goes_with_it_and_stays_with_it() {
        check(&[(&[], &[1]), (&[1], &[])], 10, &[0, 1]);
        check(&[(&[], &[2]), (&[1], &[]), (&[2], &[])], 10, &[1]);
        // A bare list is not worth keeping.
        check(&[(&[], &[]), (&[1], &[])], 10, &[0, 1]);
    }
}
