//! docker-registry from its package, tuned as its documentation advises: descriptors in memory, errors
//! alone in the log.
//!
//! One of its processes has one listener, so there are two for each way to log in, on the same directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::tools::at_hand;
use harness::upstream::Ca;
use harness::{Process, Scratch};

use super::port;
use super::token::Issuer;

/// All processes of docker-registry.
pub(super) struct Distribution {
    // Dropped first, while their directory is still there.
    pub(super) guarded: Pair,
    pub(super) open: Pair,
    program: PathBuf,
    issuer: Issuer,
    _home: Scratch,
}

/// Two processes on one directory: without and with TLS.
pub(super) struct Pair {
    pub(super) plain: Server,
    pub(super) tls: Server,
}

/// One process.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    process: Process,
}

impl Distribution {
    /// Starts them, where they are installed.
    pub(super) fn start(ca: &Ca) -> Option<Self> {
        let program = at_hand("docker-registry")?;
        let home = Scratch::new();
        let (certificate, key) = ca.issue_pem(&["127.0.0.1"]);
        home.file("tls.crt", certificate);
        home.file("tls.key", key);
        let issuer = Issuer::new();
        home.file("tokens.crt", issuer.certificate());
        let login = format!(
            "auth:\n  token: {{ realm: \"http://127.0.0.1/token\", service: bench, issuer: bench, \
             rootcertbundle: {} }}\n",
            home.join("tokens.crt").display()
        );
        Some(Self {
            guarded: Pair::start(&program, &home, "guarded", &login),
            open: Pair::start(&program, &home, "open", ""),
            program,
            issuer,
            _home: home,
        })
    }

    /// A token for a repository.
    pub(super) fn token(&self, repository: &str) -> String {
        self.issuer.token(repository)
    }

    /// Where it is installed.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }
}

impl Pair {
    fn start(program: &Path, home: &Scratch, name: &str, login: &str) -> Self {
        let dir = home.path().display();
        let tls = format!("  tls: {{ certificate: {dir}/tls.crt, key: {dir}/tls.key }}\n");
        Self {
            plain: Server::start(program, home, (name, name), login),
            tls: Server::start(
                program,
                home,
                (&format!("{name}-tls"), name),
                &(tls + login),
            ),
        }
    }
}

impl Server {
    /// Starts a process of this name on the contents of that name; `more` ends its configuration,
    /// from within `http:` on.
    fn start(program: &Path, home: &Scratch, (name, content): (&str, &str), more: &str) -> Self {
        let address = port::free();
        let config = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n\
             storage:\n  filesystem: {{ rootdirectory: {}/{content}, maxthreads: 1000 }}\n  \
             cache: {{ blobdescriptor: inmemory }}\n\
             http:\n  addr: {address}\n  secret: of a benchmark\n  relativeurls: true\n{more}",
            home.path().display()
        );
        let config = home.file(format!("{name}.yml"), config);
        let log = home.file(format!("{name}.log"), "");
        let mut command = Command::new(program);
        let mut process = Process::spawn(command.arg("serve").arg(config), &log);
        port::wait(&mut process, address);
        Self { address, process }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}
