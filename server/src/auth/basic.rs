//! Names and passwords against the user file.
//!
//! Owns how often bcrypt runs: on the blocking pool, two at a time, a bounded number waiting, and
//! once per login that is remembered. What is remembered is a keyed hash, useless outside this
//! process. Invariants: an unknown user costs what a known one costs; a login remembered for an
//! earlier state of the account does not count.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use thiserror::Error;
use tokio::sync::Semaphore;

use crate::auth::name::UserName;
use crate::auth::password::{Password, PasswordHash};
use crate::auth::table::Known;
use crate::auth::users::Users;

/// How many cores logins may take from transfers.
const AT_ONCE: usize = 2;

/// How many logins may wait: at 60 ms each, two at a time, the last waits some eight seconds.
const WAITING: usize = 256;

/// How many logins are remembered: 32 bytes each, twice.
const REMEMBERED: usize = 4096;

/// Checks passwords.
#[derive(Debug)]
pub(crate) struct Basic {
    users: Arc<Users>,
    working: Arc<Semaphore>,
    waiting: Semaphore,
    key: hmac::Key,
    seen: Mutex<Seen>,
}

/// The logins that were right, oldest first.
#[derive(Debug, Default)]
struct Seen {
    order: VecDeque<[u8; 32]>,
    logins: HashSet<[u8; 32]>,
}

impl Basic {
    /// Checks against these accounts.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system has none for the key of what is remembered.
    pub(crate) fn new(users: Arc<Users>) -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            users,
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
            key: key.map_err(|_| NoRandomness)?,
            seen: Mutex::default(),
        })
    }

    /// The account whose name and password these are.
    ///
    /// # Errors
    /// [`Refused::Wrong`] for an unknown name and a wrong password alike; [`Refused::Busy`] when too
    /// many others wait.
    ///
    /// # Cancel safety
    /// May be dropped; a hash in progress keeps its permit until it is done.
    pub(crate) async fn verify(
        &self,
        name: &str,
        password: Password,
    ) -> Result<Arc<Known>, Refused> {
        let account = self.find(name);
        let login = account
            .as_ref()
            .map(|account| self.login(account, &password));
        if let (Some(account), Some(login)) = (&account, &login)
            && self.seen().logins.contains(login)
        {
            return Ok(Arc::clone(account));
        }
        let hash = account
            .as_ref()
            .map_or_else(PasswordHash::decoy, |found| found.account.hash.clone());
        let is_right = self.matches(hash, password).await?;
        match (account, login) {
            (Some(account), Some(login)) if is_right => {
                self.seen().remember(login);
                Ok(account)
            }
            _ => Err(Refused::Wrong),
        }
    }

    /// As [`Basic::verify`] of a login that was right before; `None` says nothing about it.
    pub(crate) fn recognise(&self, name: &str, password: &Password) -> Option<Arc<Known>> {
        let account = self.find(name)?;
        let login = self.login(&account, password);
        self.seen().logins.contains(&login).then_some(account)
    }

    fn find(&self, name: &str) -> Option<Arc<Known>> {
        let name: UserName = name.parse().ok()?;
        self.users.find(&name)
    }

    async fn matches(&self, hash: PasswordHash, password: Password) -> Result<bool, Refused> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Refused::Busy)?;
        let working = Arc::clone(&self.working).acquire_owned().await;
        let working = working.expect("the semaphore is never closed");
        let matches = tokio::task::spawn_blocking(move || {
            let _working = working;
            hash.matches(password.expose())
        });
        // A panic in there is no proof of a password.
        Ok(matches.await.unwrap_or(false))
    }

    /// What is remembered of a right login: a keyed hash over the state of the account, whose length
    /// is fixed, and the password.
    fn login(&self, account: &Known, password: &Password) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(account.generation.as_bytes());
        context.update(password.expose().as_bytes());
        let tag = context.sign();
        tag.as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn remember(&mut self, login: [u8; 32]) {
        if !self.logins.insert(login) {
            return;
        }
        self.order.push_back(login);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.logins.remove(&oldest);
        }
    }
}

/// Why a name and a password are no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many are waiting for theirs to be checked.
    Busy,
    /// They do not belong together.
    Wrong,
}

/// The system has no randomness to give.
#[derive(Debug, Clone, Copy, Error)]
#[error("make a key for remembering logins")]
pub(crate) struct NoRandomness;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::role::Role;
    use crate::auth::table::Account;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    /// The user `ann` with the password `secret`.
    fn basic() -> (tempfile::TempDir, Arc<Users>, Basic) {
        let data = tempfile::tempdir().unwrap();
        let users = Arc::new(Users::open(data.path()).unwrap());
        let name = "ann".parse().unwrap();
        let hash = password("secret").hash().unwrap();
        users
            .add(Account {
                name,
                hash,
                role: Role::User,
            })
            .unwrap();
        let basic = Basic::new(Arc::clone(&users)).unwrap();
        (data, users, basic)
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_a_login() {
        let (_data, _users, basic) = basic();
        assert_eq!(
            basic
                .verify("ann", password("secret"))
                .await
                .unwrap()
                .account
                .name
                .as_str(),
            "ann"
        );
        assert_eq!(
            basic.verify("ann", password("wrong")).await.unwrap_err(),
            Refused::Wrong
        );
        assert_eq!(
            basic.verify("bob", password("secret")).await.unwrap_err(),
            Refused::Wrong
        );
        assert_eq!(
            basic.verify("a:b", password("secret")).await.unwrap_err(),
            Refused::Wrong
        );
    }

    #[tokio::test]
    async fn a_right_login_is_hashed_once() {
        let (_data, _users, basic) = basic();
        basic.verify("ann", password("secret")).await.unwrap();
        // With every permit taken, only what is remembered can still be answered.
        let _all = basic
            .waiting
            .try_acquire_many(u32::try_from(WAITING).unwrap())
            .unwrap();
        basic.verify("ann", password("secret")).await.unwrap();
        assert_eq!(
            basic.verify("ann", password("wrong")).await.unwrap_err(),
            Refused::Busy
        );
    }

    #[tokio::test]
    async fn a_remembered_login_ends_with_the_password() {
        let (_data, users, basic) = basic();
        let ann = basic.verify("ann", password("secret")).await.unwrap();
        users
            .set_password(&ann.account.name, password("other").hash().unwrap())
            .unwrap();
        assert_eq!(
            basic.verify("ann", password("secret")).await.unwrap_err(),
            Refused::Wrong
        );
        users.remove(&ann.account.name).unwrap();
        assert_eq!(
            basic.verify("ann", password("other")).await.unwrap_err(),
            Refused::Wrong
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..=u64::try_from(REMEMBERED).unwrap() {
            let mut login = [0; 32];
            login[..8].copy_from_slice(&n.to_be_bytes());
            seen.remember(login);
            seen.remember(login);
        }
        assert_eq!(
            (seen.logins.len(), seen.order.len()),
            (REMEMBERED, REMEMBERED)
        );
        assert!(!seen.logins.contains(&[0; 32]), "the oldest is forgotten");
    }
}
