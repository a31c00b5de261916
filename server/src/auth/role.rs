//! What accounts are for.
//!
//! Owns the word that stands for it in the user file. What each may do is `auth/grant`'s. Invariant: a
//! word that is not understood is no role.

use serde::{Deserialize, Serialize};

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// It administers the registry.
    Admin,
    /// It reads, as the nodes of a cluster do, and never more, whatever rules say.
    Puller,
    /// It does what rules and defaults allow.
    User,
}

impl Role {
    /// What stands behind the hash in the user file.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Self::Admin => Some("admin"),
            Self::Puller => Some("pull"),
            Self::User => None,
        }
    }

    /// What a word behind the hash stands for.
    pub(super) fn of_word(word: Option<&str>) -> Option<Self> {
        let all = [Self::Admin, Self::Puller, Self::User];
        all.into_iter().find(|role| role.word() == word)
    }
}
