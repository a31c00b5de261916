//! How a registry is to be started, said word by word.

use std::path::PathBuf;

/// What `--anonymous` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Nothing without login.
    None,
    /// Everyone may pull.
    Pull,
    /// Everyone may do everything.
    Push,
}

impl Anonymous {
    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

/// How a registry is to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) flags: Vec<String>,
    pub(crate) config: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: String,
    pub(crate) owner: Option<u32>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Setup {
    /// Adds words to the command line of `serve`.
    #[must_use]
    pub fn flags<I: Into<String>>(mut self, flags: impl IntoIterator<Item = I>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// Says what anonymous clients may do.
    #[must_use]
    pub fn anonymous(self, anonymous: Anonymous) -> Self {
        self.flags(["--anonymous", anonymous.as_str()])
    }

    /// Gives it this configuration file.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Lets it begin with this data directory, which is there already.
    #[must_use]
    pub fn data(mut self, data: impl Into<PathBuf>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Binds its TLS listener here in place of `127.0.0.1:0`.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// Runs it as this user id; only root can.
    #[must_use]
    pub fn owner(mut self, uid: u32) -> Self {
        self.owner = Some(uid);
        self
    }

    /// Sets a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

impl Default for Setup {
    /// TLS and plain listeners on loopback, and what the binary does by default.
    fn default() -> Self {
        Self {
            flags: Vec::new(),
            config: None,
            data: None,
            listen: "127.0.0.1:0".to_owned(),
            owner: None,
            environment: Vec::new(),
        }
    }
}
