//! The user file on disk, and the accounts in memory.
//!
//! Owns `users.htpasswd` and `admin-password` in the data directory: it alone reads and writes them.
//! Both have mode 0600 from their first byte; the user file is replaced whole, so that a crash leaves
//! the old one or the new one. Functions here block; who is asynchronous calls them on the blocking
//! pool. Invariant: what is in memory is what the file said when it was last read or written here.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use thiserror::Error;

use crate::auth::name::UserName;
use crate::auth::password::{HashPassword, Password, PasswordHash};
use crate::auth::role::Role;
use crate::auth::table::{Account, InvalidTable, Known, Table};

const FILE: &str = "users.htpasswd";
const FIRST_PASSWORD: &str = "admin-password";

/// The name of the account that a first start makes.
const FIRST_USER: &str = "admin";

/// The accounts as they are between two changes, exchanged as one.
#[derive(Debug, Default)]
struct Now {
    table: Table,
    by_name: HashMap<UserName, Arc<Known>>,
}

/// The accounts of the registry.
#[derive(Debug)]
pub(crate) struct Users {
    data: PathBuf,
    now: RwLock<Now>,
    /// Held while the file is read, changed and written.
    changing: Mutex<()>,
}

impl Users {
    /// Opens the accounts in the data directory. A missing file is an empty one.
    ///
    /// # Errors
    /// When the file cannot be read or understood, or when everybody may read it.
    pub(crate) fn open(data: &Path) -> Result<Self, Error> {
        let users = Self {
            data: data.to_owned(),
            now: RwLock::default(),
            changing: Mutex::new(()),
        };
        users.reload()?;
        Ok(users)
    }

    /// As [`Self::open`]; on the first start makes the user `admin` with a random password, which
    /// it leaves in `admin-password`. Returns whether it did.
    ///
    /// # Errors
    /// As [`Self::open`], and when the files cannot be written.
    pub(crate) fn open_or_create(data: &Path) -> Result<(Self, bool), Error> {
        let file = data.join(FILE);
        let is_first = !file
            .try_exists()
            .map_err(|source| Error::io("look for", &file, source))?;
        if is_first {
            let password = Password::random().map_err(|source| Error::Random { source })?;
            let mut table = Table::default();
            table.set(Account {
                name: FIRST_USER.parse().expect("`admin` is a user name"),
                hash: password.hash()?,
                role: Role::Admin,
            });
            // The password first: a crash in between leaves no user file, and this runs again.
            replace(data, FIRST_PASSWORD, &format!("{}\n", password.expose()))?;
            replace(data, FILE, &table.to_string())?;
        }
        Ok((Self::open(data)?, is_first))
    }

    /// Reads the file again, as after a change by hand. What cannot be read leaves all as it was.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn reload(&self) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.read()?;
        self.publish(table);
        Ok(())
    }

    /// The account of that name, as it is now.
    pub(crate) fn find(&self, name: &UserName) -> Option<Arc<Known>> {
        self.now().by_name.get(name).cloned()
    }

    /// All accounts, as they are now.
    pub(crate) fn list(&self) -> Vec<Account> {
        self.now().table.accounts().cloned().collect()
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`Error::Taken`], and when the file cannot be read or written.
    pub(crate) fn add(&self, account: Account) -> Result<(), Error> {
        let name = account.name.clone();
        self.change(&name, |table| {
            if table.find(&account.name).is_some() {
                return Err(Error::Taken { name: account.name });
            }
            table.set(account);
            Ok(())
        })
    }

    /// Takes an account away. Its tokens are no longer good from now on.
    ///
    /// # Errors
    /// [`Error::Unknown`], and when the file cannot be read or written.
    pub(crate) fn remove(&self, name: &UserName) -> Result<(), Error> {
        self.change(name, |table| {
            known(table, name)?;
            table.remove(name);
            Ok(())
        })
    }

    /// Changes the password of an account. Its tokens are no longer good from now on.
    ///
    /// # Errors
    /// [`Error::Unknown`], and when the file cannot be read or written.
    pub(crate) fn set_password(&self, name: &UserName, hash: PasswordHash) -> Result<(), Error> {
        self.change(name, |table| {
            let account = known(table, name)?;
            table.set(Account { hash, ..account });
            Ok(())
        })
    }

    /// Gives an account that only pulls another password, or adds it. Returns whether it was there; its
    /// tokens are then no longer good.
    ///
    /// # Errors
    /// [`Error::OtherRole`], and when the file cannot be read or written.
    pub(crate) fn renew_puller(&self, name: &UserName, hash: PasswordHash) -> Result<bool, Error> {
        let mut was_there = false;
        self.change(name, |table| {
            was_there = match table.find(name) {
                None => false,
                Some(account) if account.role == Role::Puller => true,
                Some(_) => return Err(Error::OtherRole { name: name.clone() }),
            };
            table.set(Account {
                name: name.clone(),
                hash,
                role: Role::Puller,
            });
            Ok(())
        })?;
        Ok(was_there)
    }

    /// Reads the file, so that no change made by hand is lost, changes it, writes it, publishes it.
    fn change(
        &self,
        name: &UserName,
        change: impl FnOnce(&mut Table) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = self.read()?;
        change(&mut table)?;
        replace(&self.data, FILE, &table.to_string())?;
        self.publish(table);
        if name.as_str() == FIRST_USER {
            // It is not the password any more, and must not look as if it were.
            remove(&self.data, FIRST_PASSWORD)?;
        }
        Ok(())
    }

    fn read(&self) -> Result<Table, Error> {
        let file = self.data.join(FILE);
        let failed = |source| Error::io("read", &file, source);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Table::default()),
            Err(source) => return Err(failed(source)),
        };
        let mode = fs::metadata(&file).map_err(failed)?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(Error::Exposed { file });
        }
        Table::parse(&text).map_err(|source| Error::Parse { file, source })
    }

    fn now(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, table: Table) {
        let known = |account: &Account| (account.name.clone(), Arc::new(account.clone().into()));
        let by_name = table.accounts().map(known).collect();
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Now { table, by_name };
    }
}

/// The account of that name, which must be there.
fn known(table: &Table, name: &UserName) -> Result<Account, Error> {
    let unknown = || Error::Unknown { name: name.clone() };
    table.find(name).cloned().ok_or_else(unknown)
}

/// Puts `text` in the place of a file of the data directory: after this returns it is on disk, and
/// until then the old one is.
fn replace(data: &Path, name: &str, text: &str) -> Result<(), Error> {
    let file = data.join(name);
    let next = data.join(format!("{name}.tmp"));
    remove_file(&next).map_err(|source| Error::io("remove", &next, source))?;
    let mut options = OpenOptions::new();
    // `create_new` follows no link that somebody may have put there.
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(&next).and_then(|mut opened| {
        opened.write_all(text.as_bytes())?;
        opened.sync_all()?;
        fs::rename(&next, &file)?;
        sync(data)
    });
    written.map_err(|source| Error::io("write", &file, source))
}

fn remove(data: &Path, name: &str) -> Result<(), Error> {
    let file = data.join(name);
    let removed = remove_file(&file).and_then(|()| sync(data));
    removed.map_err(|source| Error::io("remove", &file, source))
}

/// Removes a file that may be gone already.
fn remove_file(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The accounts could not be read or changed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Other accounts of this machine could read the hashes.
    #[error("{} may be read by everybody (chmod 0600 it)", file.display())]
    Exposed {
        /// The user file.
        file: PathBuf,
    },
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashPassword),
    /// The system refused.
    #[error("{attempt} {}", file.display())]
    Io {
        /// What was done.
        attempt: &'static str,
        /// To which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It may do more than pull, so its password is not for others to have.
    #[error("the user {name} may do more than pull")]
    OtherRole {
        /// The name.
        name: UserName,
    },
    /// The user file is not one.
    #[error("read {}", file.display())]
    Parse {
        /// The user file.
        file: PathBuf,
        /// Which line, and why.
        source: InvalidTable,
    },
    /// There is no randomness.
    #[error("choose a random password")]
    Random {
        /// What the system said.
        source: getrandom::Error,
    },
    /// There is such a user already.
    #[error("there is a user {name} already")]
    Taken {
        /// The name.
        name: UserName,
    },
    /// There is no such user.
    #[error("there is no user {name}")]
    Unknown {
        /// The name.
        name: UserName,
    },
}

impl Error {
    fn io(attempt: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io {
            attempt,
            file: file.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, password: &str) -> Account {
        Account {
            name: name.parse().unwrap(),
            hash: Password::new(password.to_owned()).unwrap().hash().unwrap(),
            role: Role::User,
        }
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_an_administrator_whose_password_only_the_owner_can_read() {
        let data = tempfile::tempdir().unwrap();
        let (users, is_first) = Users::open_or_create(data.path()).unwrap();
        assert!(is_first);
        let file = data.path().join(FIRST_PASSWORD);
        let password = fs::read_to_string(&file).unwrap();
        let admin = users.find(&"admin".parse().unwrap()).unwrap();
        let admin = &admin.account;
        assert!(admin.role == Role::Admin && admin.hash.matches(password.trim_end()));
        assert_eq!((mode(&file), mode(&data.path().join(FILE))), (0o600, 0o600));
        let (_, is_first) = Users::open_or_create(data.path()).unwrap();
        assert!(!is_first);
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            password,
            "a second start changes nothing"
        );
    }

    #[test]
    fn the_first_password_goes_when_it_is_no_longer_the_password() {
        let data = tempfile::tempdir().unwrap();
        let (users, _) = Users::open_or_create(data.path()).unwrap();
        let file = data.path().join(FIRST_PASSWORD);
        users.add(account("ann", "secret")).unwrap();
        assert!(file.exists());
        users
            .set_password(&"admin".parse().unwrap(), account("x", "new").hash)
            .unwrap();
        assert!(!file.exists());
        assert!(
            users.find(&"admin".parse().unwrap()).unwrap().account.role == Role::Admin,
            "the rights stay"
        );
    }

    #[test]
    fn no_administrator_is_made_where_there_is_a_user_file() {
        let data = tempfile::tempdir().unwrap();
        replace(data.path(), FILE, "").unwrap();
        let (users, is_first) = Users::open_or_create(data.path()).unwrap();
        assert!(!is_first && users.list().is_empty());
        assert!(!data.path().join(FIRST_PASSWORD).exists());
    }

    #[test]
    fn a_change_keeps_what_was_written_by_hand_meanwhile() {
        let data = tempfile::tempdir().unwrap();
        let users = Users::open(data.path()).unwrap();
        users.add(account("ann", "secret")).unwrap();
        let file = data.path().join(FILE);
        let text = format!("# by hand\n{}", fs::read_to_string(&file).unwrap());
        replace(data.path(), FILE, &text).unwrap();
        users.add(account("bob", "secret")).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("# by hand\nann:") && text.contains("\nbob:"),
            "{text}"
        );
    }

    #[test]
    fn nobody_is_added_twice_or_changed_without_being_there() {
        let data = tempfile::tempdir().unwrap();
        let users = Users::open(data.path()).unwrap();
        let ann = account("ann", "secret");
        users.add(ann.clone()).unwrap();
        assert!(matches!(users.add(ann.clone()), Err(Error::Taken { .. })));
        users.remove(&ann.name).unwrap();
        assert!(matches!(
            users.remove(&ann.name),
            Err(Error::Unknown { .. })
        ));
        let changed = users.set_password(&ann.name, ann.hash);
        assert!(matches!(changed, Err(Error::Unknown { .. })));
    }

    #[test]
    fn an_account_that_pulls_is_made_and_renewed_and_never_made_of_another() {
        let data = tempfile::tempdir().unwrap();
        let users = Users::open(data.path()).unwrap();
        let (nodes, ann) = (account("nodes", "one"), account("ann", "secret"));
        assert!(!users.renew_puller(&nodes.name, nodes.hash.clone()).unwrap());
        let made = users.find(&nodes.name).unwrap().account.clone();
        assert!(made.role == Role::Puller && made.hash == nodes.hash);
        assert!(users.renew_puller(&nodes.name, ann.hash.clone()).unwrap());
        assert_eq!(users.find(&nodes.name).unwrap().account.hash, ann.hash);
        users.add(ann.clone()).unwrap();
        let renewed = users.renew_puller(&ann.name, nodes.hash);
        assert!(matches!(renewed, Err(Error::OtherRole { .. })));
        assert_eq!(users.find(&ann.name).unwrap().account, ann);
    }

    #[test]
    fn a_file_that_cannot_be_used_leaves_the_accounts_as_they_were() {
        let data = tempfile::tempdir().unwrap();
        let users = Users::open(data.path()).unwrap();
        users.add(account("ann", "secret")).unwrap();
        let file = data.path().join(FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
        assert!(matches!(users.reload(), Err(Error::Exposed { .. })));
        replace(data.path(), FILE, "nonsense\n").unwrap();
        assert!(matches!(users.reload(), Err(Error::Parse { .. })));
        assert_eq!(users.list().len(), 1);
    }
}
