//! Whether what several clients saw of a tag can have happened to one tag.
//!
//! A tag is a register. Each operation on it took effect at one moment between its call and its answer;
//! [`check`] looks for an order of these moments that explains every answer. It goes through calls and
//! answers in time and keeps every state that the register may be in, together with the operations under
//! way that have taken effect already. Each value is written once, so there are few.

use std::collections::HashSet;
use std::hash::Hash;

/// Most operations that can be under way at once.
const CLIENTS: usize = 64;

/// What an operation found in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saw<V> {
    /// This, or nothing.
    Exactly(Option<V>),
    /// Nothing, or anything but this.
    Other(V),
    /// Anything, but something.
    Something,
}

impl<V: Eq> Saw<V> {
    fn fits(&self, value: Option<&V>) -> bool {
        match self {
            Self::Exactly(seen) => seen.as_ref() == value,
            Self::Other(unseen) => Some(unseen) != value,
            Self::Something => value.is_some(),
        }
    }
}

/// What an operation did to the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did<V> {
    /// Left nothing there.
    Clear,
    /// Left it as it was.
    Look,
    /// Left this there, which nobody has before.
    Set(V),
}

impl<V> Did<V> {
    fn apply(self, value: Option<V>) -> Option<V> {
        match self {
            Self::Clear => None,
            Self::Look => value,
            Self::Set(value) => Some(value),
        }
    }
}

/// An operation that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<V> {
    /// Who asked; has one operation under way at a time.
    pub(crate) client: usize,
    /// When it was called.
    pub(crate) called: u64,
    /// When it was answered. No two times are the same.
    pub(crate) answered: u64,
    /// What it found.
    pub(crate) saw: Saw<V>,
    /// What it did then.
    pub(crate) did: Did<V>,
}

/// The answer that nothing explains.
#[derive(Debug)]
pub(crate) struct Unexplained<V> {
    /// Whose answer it is.
    pub(crate) event: Event<V>,
    /// What the register may have held then.
    pub(crate) states: Vec<Option<V>>,
}

/// What the register holds, and whose operations have taken effect and not been answered.
type State<V> = (Option<V>, u64);

/// Looks for an order of the events that explains them all, beginning with `first`.
pub(crate) fn check<V: Copy + Eq + Hash>(
    first: Option<V>,
    events: &[Event<V>],
) -> Result<(), Unexplained<V>> {
    let calls = events.iter().map(|event| (event.called, false, event));
    let answers = events.iter().map(|event| (event.answered, true, event));
    let mut moments: Vec<_> = calls.chain(answers).collect();
    moments.sort_unstable_by_key(|(time, ..)| *time);
    let mut under_way: [Option<&Event<V>>; CLIENTS] = [None; CLIENTS];
    let mut states = HashSet::from([(first, 0)]);
    for (_, is_answer, event) in moments {
        if is_answer {
            let explained = take_effect(&states, &under_way, event.client);
            if explained.is_empty() {
                let states = states.into_iter().map(|(value, _)| value).collect();
                let event = *event;
                return Err(Unexplained { event, states });
            }
            states = explained;
            under_way[event.client] = None;
        } else {
            under_way[event.client] = Some(event);
        }
    }
    Ok(())
}

/// Every state in which the operation of `client` has taken effect, and is now answered.
fn take_effect<V: Copy + Eq + Hash>(
    states: &HashSet<State<V>>,
    under_way: &[Option<&Event<V>>; CLIENTS],
    client: usize,
) -> HashSet<State<V>> {
    let mut seen = states.clone();
    let mut pending: Vec<_> = states.iter().copied().collect();
    let mut answered = HashSet::new();
    while let Some((value, effective)) = pending.pop() {
        if effective & (1 << client) != 0 {
            answered.insert((value, effective & !(1 << client)));
            continue;
        }
        for event in under_way.iter().flatten() {
            let mark = 1 << event.client;
            if effective & mark == 0 && event.saw.fits(value.as_ref()) {
                let next = (event.did.apply(value), effective | mark);
                if seen.insert(next) {
                    pending.push(next);
                }
            }
        }
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(client: usize, called: u64, answered: u64, saw: Saw<u8>) -> Event<u8> {
        Event {
            client,
            called,
            answered,
            saw,
            did: Did::Look,
        }
    }

    fn write(client: usize, called: u64, answered: u64, from: Option<u8>, to: u8) -> Event<u8> {
        let event = event(client, called, answered, Saw::Exactly(from));
        let did = Did::Set(to);
        Event { did, ..event }
    }

    fn read(client: usize, called: u64, answered: u64, value: Option<u8>) -> Event<u8> {
        event(client, called, answered, Saw::Exactly(value))
    }

    #[test]
    fn reads_during_a_write_may_see_either_but_not_go_back() {
        let wrote = write(0, 1, 10, None, 1);
        let forth = [wrote, read(1, 2, 3, None), read(1, 4, 5, Some(1))];
        assert!(check(None, &forth).is_ok());
        let back = [wrote, read(1, 2, 3, Some(1)), read(1, 4, 5, None)];
        let unexplained = check(None, &back).expect_err("it went back");
        assert_eq!(unexplained.event.called, 4);
        assert_eq!(unexplained.states, [Some(1)]);
    }

    #[test]
    fn a_stale_read_and_a_lost_write_are_found() {
        let stale = [write(0, 1, 2, None, 1), read(1, 3, 4, None)];
        assert!(check(None, &stale).is_err());
        // Both replaced the same value.
        let lost = [write(0, 1, 4, None, 1), write(1, 2, 3, None, 2)];
        assert!(check(None, &lost).is_err());
        let one_after_the_other = [write(0, 1, 4, Some(2), 1), write(1, 2, 3, None, 2)];
        assert!(check(None, &one_after_the_other).is_ok());
    }

    #[test]
    fn a_delete_takes_what_is_there_and_only_that() {
        let delete = |client, called, answered, saw| Event {
            did: Did::Clear,
            ..event(client, called, answered, saw)
        };
        let twice = [
            delete(0, 1, 3, Saw::Something),
            delete(1, 2, 4, Saw::Something),
        ];
        assert!(check(Some(1), &twice).is_err());
        let with_a_write_between = [twice[0], twice[1], write(2, 0, 5, None, 2)];
        assert!(check(Some(1), &with_a_write_between).is_ok());
        let other = [event(0, 1, 2, Saw::Other(1)), read(0, 3, 4, Some(1))];
        assert!(check(Some(1), &other).is_err());
        assert!(check(Some(2), &other[..1]).is_ok());
    }
}
