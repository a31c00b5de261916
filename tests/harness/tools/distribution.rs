//! The reference implementation of a registry, from its distribution's package, as an upstream: with
//! TLS, a login, and a directory of its own.
//!
//! It keeps its port while it is down, so that what knows it finds it again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::installed;
use crate::client::Client;
use crate::process::{Process, eventually};
use crate::scratch::Scratch;
use crate::upstream::Ca;

/// The cheapest that bcrypt allows: it guards nothing.
const COST: u32 = 4;

/// A registry to pull from that was written by others.
pub struct Distribution {
    // Dropped first, while its directory is still there.
    process: Option<Process>,
    program: PathBuf,
    address: SocketAddr,
    ca: String,
    login: (String, String),
    home: Scratch,
}

impl Distribution {
    /// Starts one that this CA vouches for and that this user may use, or none where it is not
    /// installed.
    #[track_caller]
    pub fn start(ca: &Ca, user: &str, password: &str) -> Option<Self> {
        Self::with_content(ca, user, password, |_| {})
    }

    /// The same with what this puts into its directory.
    #[track_caller]
    pub fn with_content(
        ca: &Ca,
        user: &str,
        password: &str,
        fill: impl FnOnce(&Path),
    ) -> Option<Self> {
        let [program] = installed(["docker-registry"])?;
        let home = Scratch::new();
        fill(&home.dir("content"));
        let (certificate, key) = ca.issue_pem(&["127.0.0.1"]);
        home.file("tls.crt", certificate);
        home.file("tls.key", key);
        let hash = bcrypt::hash(password, COST).expect("a short password");
        home.file("users", format!("{user}:{hash}\n"));
        let mut registry = Self {
            process: None,
            program,
            address: ([127, 0, 0, 1], 0).into(),
            ca: ca.pem().to_owned(),
            login: (user.to_owned(), password.to_owned()),
            home,
        };
        registry.start_again();
        Some(registry)
    }

    /// Where it listens, as image references have it: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A client that is logged in, to push what it is to have.
    pub fn client(&self) -> Client {
        let (user, password) = &self.login;
        Client::tls(self.address, self.ca.as_bytes()).basic(user, password)
    }

    /// Shuts it down.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port and with the same content.
    #[track_caller]
    pub fn start_again(&mut self) {
        let (home, address) = (self.home.path().display(), self.address);
        let config = self.home.file(
            "config.yml",
            format!(
                "version: 0.1\n\
                 log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
                 storage:\n  filesystem: {{ rootdirectory: {home}/content }}\n\
                 http:\n  addr: {address}\n  secret: of a test\n  relativeurls: true\n  \
                 tls: {{ certificate: {home}/tls.crt, key: {home}/tls.key }}\n\
                 auth:\n  htpasswd: {{ realm: a test, path: {home}/users }}\n"
            ),
        );
        let log = self.home.file("log", "");
        let mut command = Command::new(&self.program);
        command.arg("serve").arg(config);
        let process = Process::spawn(&mut command, &log);
        eventually("docker-registry listens", || {
            listening(&process.stderr()).is_some_and(|address| {
                self.address = address;
                true
            })
        });
        self.process = Some(process);
    }
}

/// Where it says in its log that it listens.
fn listening(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("listening on ")?;
    let end = rest.find([',', '"'])?;
    rest[..end].parse().ok()
}
