//! A running registry with a data directory of its own: what nearly every test begins with.
//!
//! A test sets it up, does its work through clients, and ends with [`Registry::finish`], which
//! compares the directory with what the API claims and insists on a clean exit.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::client::Client;
use crate::outcome::Outcome;
use crate::process::{Process, binary};
use crate::scratch::Scratch;
use crate::setup::{Anonymous, Setup};
use crate::truth::Truth;

impl Setup {
    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Registry {
        let scratch = Scratch::new();
        let data = self.data.clone();
        let data = data.unwrap_or_else(|| scratch.join("data"));
        if let Some(uid) = self.owner {
            chown(scratch.dir("data"), Some(uid), Some(uid)).expect("give the data directory away");
        }
        let config = self
            .config
            .as_ref()
            .map(|text| scratch.file("config.toml", text));
        let mut registry = Registry {
            setup: self,
            data,
            config,
            bound: Bound::default(),
            server: None,
            scratch,
        };
        registry.start_again();
        registry
    }
}

/// The addresses a registry got, kept over restarts.
#[derive(Clone, Debug, Default)]
struct Bound {
    tls: Option<SocketAddr>,
    plain: Option<SocketAddr>,
}

/// A registry that runs, or ran and can be started again on the same directory and ports.
pub struct Registry {
    // Dropped first, while its directory is still there.
    server: Option<Process>,
    setup: Setup,
    data: PathBuf,
    config: Option<PathBuf>,
    bound: Bound,
    scratch: Scratch,
}

/// What a configuration says of an upstream that is asked for what is missing.
const PULLS_THROUGH: &str = "pull_through = true";

impl Registry {
    /// A registry to be: with the defaults, if nothing more is said.
    pub fn with() -> Setup {
        Setup::default()
    }

    /// Starts one with the defaults.
    #[track_caller]
    pub fn start() -> Self {
        Self::with().start()
    }

    /// Starts one that lets everyone do everything.
    #[track_caller]
    pub fn open() -> Self {
        Self::with().anonymous(Anonymous::Push).start()
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A directory for the test's own files, gone with the registry.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// An address of its TLS listener that can be connected to.
    #[track_caller]
    pub fn tls_address(&self) -> SocketAddr {
        let mut address = self.bound.tls.expect("the registry has a TLS listener");
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        address
    }

    /// The address of its plain listener.
    #[track_caller]
    pub fn plain_address(&self) -> SocketAddr {
        self.bound.plain.expect("the registry has a plain listener")
    }

    /// How image references name it over TLS: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.tls_address().to_string()
    }

    /// Its CA certificate, as `ca export` gives it.
    #[track_caller]
    pub fn ca(&self) -> Vec<u8> {
        self.command(&["ca", "export", "--format", "pem"], "")
            .ok()
            .into_bytes()
    }

    /// A client over TLS, trusting the exported CA, without credentials.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::tls(self.tls_address(), &self.ca())
    }

    /// A client of the plain listener, without credentials.
    #[track_caller]
    pub fn plain(&self) -> Client {
        Client::plain(self.plain_address())
    }

    /// A client over TLS, logged in as the administrator made at the first start.
    #[track_caller]
    pub fn admin(&self) -> Client {
        self.client().basic("admin", &self.admin_password())
    }

    /// The administrator's password.
    #[track_caller]
    pub fn admin_password(&self) -> String {
        let path = self.data.join("admin-password");
        let text = fs::read_to_string(&path);
        text.unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
            .trim_end()
            .to_owned()
    }

    /// Adds a user through the command line and returns a client that is logged in as them.
    #[track_caller]
    pub fn user(&self, name: &str, password: &str) -> Client {
        self.command(&["user", "add", name, "--password-stdin"], password)
            .ok();
        self.client().basic(name, password)
    }

    /// Runs another command of the binary on the same data directory, with this input.
    #[track_caller]
    pub fn command(&self, words: &[&str], input: &str) -> Outcome {
        let mut command = Command::new(binary());
        command.args(words).arg("--data").arg(&self.data);
        if let (Some(config), None) = (&self.config, &self.server) {
            command.arg("--config").arg(config);
        }
        Outcome::of(command.envs(self.setup.environment.iter().cloned()), input)
    }

    /// The running server.
    #[track_caller]
    pub fn server(&mut self) -> &mut Process {
        self.server.as_mut().expect("the server runs")
    }

    /// The process id of the running server.
    #[track_caller]
    pub fn id(&self) -> u32 {
        self.server.as_ref().expect("the server runs").id()
    }

    /// Sends the server a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        self.server().signal(signal);
    }

    /// Everything the server has logged, restarts included.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.join("server.log")).unwrap_or_default()
    }

    /// Replaces the configuration file; the server learns of it by SIGHUP or at a restart.
    pub fn reconfigure(&mut self, toml: &str) {
        self.config = Some(self.scratch.file("config.toml", toml));
    }

    /// Changes the setup for the next start.
    pub fn set_up(&mut self, change: impl FnOnce(Setup) -> Setup) {
        self.setup = change(self.setup.clone());
    }

    /// Stops the server with SIGTERM and insists on exit code 0.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut server = self.server.take().expect("the server runs");
        let status = server.stop();
        assert!(
            status.success(),
            "the server ended with {status}:\n{}",
            server.stderr()
        );
    }

    /// Kills the server with SIGKILL.
    #[track_caller]
    pub fn kill(&mut self) {
        self.server.take().expect("the server runs").kill();
    }

    /// Starts the stopped or killed server on the same directory and ports.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        let mut server = Process::spawn(&mut self.serve(), &self.scratch.join("server.log"));
        let bound = server.listening();
        let find = |wanted: &str| {
            bound
                .iter()
                .find(|(scheme, _)| scheme == wanted)
                .map(|(_, address)| *address)
        };
        self.bound = Bound {
            tls: find("https"),
            plain: find("http"),
        };
        self.server = Some(server);
    }

    /// Stops the server cleanly and starts it again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Compares the data directory with what the API claims.
    #[track_caller]
    pub fn check(&self) -> Truth {
        let truth = Truth::of(&self.data);
        truth.agrees_with(&self.admin());
        truth
    }

    /// Ends a scenario: the truth on disk agrees with the API, and the server stops cleanly. Where it
    /// pulls through, it is restarted before, so that it shows what it holds and asks nobody.
    #[track_caller]
    pub fn finish(mut self) -> Truth {
        let config = self.config.as_ref().map(fs::read_to_string);
        let config = config.map(|read| read.expect("the configuration is there"));
        if let Some(config) = config.filter(|config| config.contains(PULLS_THROUGH)) {
            self.reconfigure(&config.replace(PULLS_THROUGH, "pull_through = false"));
            self.restart();
        }
        self.check();
        self.stop();
        Truth::of(&self.data)
    }

    /// The command line of `serve`, for those who start it in their own way (under strace).
    pub fn serve(&self) -> Command {
        let address = |bound: Option<SocketAddr>, first: &str| {
            bound.map_or_else(|| first.to_owned(), |address| address.to_string())
        };
        let mut command = Command::new(binary());
        command.arg("serve").arg("--data").arg(&self.data);
        command.args(["--listen", &address(self.bound.tls, &self.setup.listen)]);
        command.args(["--http-listen", &address(self.bound.plain, "127.0.0.1:0")]);
        command
            .args(&self.setup.flags)
            .envs(self.setup.environment.iter().cloned());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if let Some(uid) = self.setup.owner {
            command.uid(uid).gid(uid);
        }
        command
    }
}
