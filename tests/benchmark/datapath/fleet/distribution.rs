//! docker-registry from its package, tuned as its documentation advises: descriptors in memory, hardly any log.
//!
//! One of its processes has one listener, so there are two for each way to log in, on the same directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::tools::installed;
use harness::upstream::Ca;
use harness::{Process, Scratch, eventually};

use super::token::Issuer;

/// All processes of docker-registry.
pub(super) struct Distribution {
    program: PathBuf,
    pub(super) guarded: Pair,
    pub(super) open: Pair,
    issuer: Issuer,
    _home: Scratch,
}

/// Two processes on one directory: without and with TLS.
pub(super) struct Pair {
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    plain_process: Process,
    tls_process: Process,
}

impl Distribution {
    /// Starts them, where they are installed.
    pub(super) fn start(ca: &Ca) -> Option<Self> {
        let [program] = installed(["docker-registry"])?;
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
        let (plain_process, plain) = start(program, home, name, "", login);
        let (tls_process, tls) = start(program, home, &format!("{name}-tls"), &tls, login);
        Self {
            plain,
            tls,
            plain_process,
            tls_process,
        }
    }

    pub(super) fn plain_pid(&self) -> u32 {
        self.plain_process.id()
    }

    pub(super) fn tls_pid(&self) -> u32 {
        self.tls_process.id()
    }
}

fn start(
    program: &Path,
    home: &Scratch,
    name: &str,
    tls: &str,
    login: &str,
) -> (Process, SocketAddr) {
    let content = name.trim_end_matches("-tls");
    let config = format!(
        "version: 0.1\nlog: {{ level: info, accesslog: {{ disabled: true }} }}\n\
         storage:\n  filesystem: {{ rootdirectory: {}/{content}, maxthreads: 1000 }}\n  \
         cache: {{ blobdescriptor: inmemory }}\n\
         http:\n  addr: 127.0.0.1:0\n  secret: of a benchmark\n  relativeurls: true\n{tls}{login}",
        home.path().display()
    );
    let config = home.file(format!("{name}.yml"), config);
    let log = home.file(format!("{name}.log"), "");
    let mut command = Command::new(program);
    let process = Process::spawn(command.arg("serve").arg(config), &log);
    let mut address = None;
    eventually("docker-registry listens", || {
        address = listening(&process.stderr());
        address.is_some()
    });
    (process, address.expect("it was just there"))
}

/// Where it says in its log that it listens.
fn listening(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("listening on ")?;
    let end = rest.find([',', '"'])?;
    rest[..end].parse().ok()
}
