//! What one client was promised: what must be found under each name it has ever asked about.
//!
//! A request that was answered leaves one possibility, one that was cut off leaves two. What is then
//! found is the truth from there on: it may not change again by itself.

use std::collections::{BTreeMap, BTreeSet};

use harness::Digest;

/// What a client can name in its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Blob(Digest),
    Manifest(Digest),
    Tag(String),
}

impl Name {
    /// Where it is asked for.
    pub(crate) fn path(&self, repository: &str) -> String {
        match self {
            Self::Blob(digest) => format!("/v2/{repository}/blobs/{digest}"),
            Self::Manifest(digest) => format!("/v2/{repository}/manifests/{digest}"),
            Self::Tag(tag) => format!("/v2/{repository}/manifests/{tag}"),
        }
    }
}

/// What is found under a name: content of this digest, or nothing.
pub(crate) type Found = Option<Digest>;

/// The promises made to one client.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    possible: BTreeMap<Name, BTreeSet<Found>>,
    /// Names that were asked about since they were last looked up.
    touched: BTreeSet<Name>,
}

impl Ledger {
    /// A request is about to be sent that makes `found` of a name: until it is answered, that or what
    /// was before.
    pub(crate) fn intend(&mut self, name: Name, found: Found) {
        let possible = self.possible.entry(name.clone());
        possible
            .or_insert_with(|| BTreeSet::from([None]))
            .insert(found);
        self.touched.insert(name);
    }

    /// It was answered: that and nothing else.
    pub(crate) fn settle(&mut self, name: Name, found: Found) {
        self.touched.insert(name.clone());
        self.possible.insert(name, BTreeSet::from([found]));
    }

    /// Nothing is promised of it any more.
    pub(crate) fn forget(&mut self, name: &Name) {
        self.possible.remove(name);
        self.touched.remove(name);
    }

    /// What is certainly found under a name.
    pub(crate) fn certain(&self, name: &Name) -> Option<&Digest> {
        let mut possible = self.possible.get(name)?.iter();
        match (possible.next(), possible.next()) {
            (Some(found), None) => found.as_ref(),
            _ => None,
        }
    }

    /// The names of which something is promised; only those touched lately, unless `all`.
    pub(crate) fn names(&self, all: bool) -> Vec<Name> {
        if all {
            self.possible.keys().cloned().collect()
        } else {
            self.touched.iter().cloned().collect()
        }
    }

    /// Whether this may be found under a name.
    fn allows(&self, name: &Name, found: &Found) -> bool {
        let possible = self.possible.get(name);
        possible.is_some_and(|possible| possible.contains(found))
    }

    /// Insists that what was found is what may be found, and holds on to it.
    #[track_caller]
    pub(crate) fn found(&mut self, name: &Name, found: Found) {
        assert!(
            self.allows(name, &found),
            "{name:?} should be one of {:?} and is {found:?}",
            self.possible.get(name)
        );
        self.touched.remove(name);
        self.possible.insert(name.clone(), BTreeSet::from([found]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> Name {
        Name::Tag("a".to_owned())
    }

    #[test]
    fn what_was_cut_off_may_have_happened_or_not_and_stays_so() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let mut ledger = Ledger::default();
        ledger.settle(tag(), Some(one.clone()));
        ledger.intend(tag(), Some(two));
        assert_eq!(ledger.certain(&tag()), None);
        ledger.found(&tag(), Some(one.clone()));
        assert_eq!(ledger.certain(&tag()), Some(&one));
        assert_eq!(ledger.names(false), []);
        assert_eq!(ledger.names(true), [tag()]);
    }

    #[test]
    fn what_was_deleted_may_not_come_back() {
        let mut ledger = Ledger::default();
        ledger.settle(tag(), None);
        assert!(ledger.allows(&tag(), &None));
        assert!(!ledger.allows(&tag(), &Some(Digest::of(b"one"))));
    }
}
