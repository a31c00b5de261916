//! The contestants: started side by side, filled with the same contents, and checked once.
//!
//! Roadstead and docker-registry run twice: with a login (tokens, and twenty rules in Roadstead) and open
//! to everyone. nginx serves the same contents as files and knows no login.

mod distribution;
mod nginx;
mod roadstead;
mod token;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use harness::upstream::Ca;
use harness::{Client, Digest, Registry};
use http::Method;
use rustls::ClientConfig;

use self::distribution::Distribution;
use self::nginx::Nginx;
use crate::content::{Content, REPOSITORY, blob_path, manifest_path};
use crate::options::Options;
use crate::wire::one_suite;

pub(crate) use self::nginx::Cache;

/// The name of what is measured.
pub(crate) const ROADSTEAD: &str = "roadstead";
/// The names of its peers.
pub(crate) const DISTRIBUTION: &str = "docker-registry";
pub(crate) const NGINX: &str = "nginx";

/// Whether a contestant wants to know who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Anonymous,
    Token,
}

/// How a contestant is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// One contestant as one row asks it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) token: Option<String>,
}

/// All contestants.
pub(crate) struct Fleet {
    ca: Ca,
    pub(crate) content: Content,
    open: Registry,
    guarded: Registry,
    distribution: Option<Distribution>,
    nginx: Option<Nginx>,
}

impl Fleet {
    /// Starts all that is installed.
    pub(crate) fn start(options: &Options) -> Self {
        let ca = Ca::new();
        let content = Content::new(options);
        Self {
            open: roadstead::open(),
            guarded: roadstead::guarded(),
            distribution: Distribution::start(&ca),
            nginx: Nginx::start(&ca, &content),
            content,
            ca,
        }
    }

    /// Gives each contestant its contents, and checks that each serves them, bytes and ranges.
    pub(crate) fn fill(&mut self, _: &Options) {
        let image = self.content.image.digest();
        self.content.push(&self.open.admin());
        self.content
            .push(&self.guarded.user(roadstead::USER, roadstead::PASSWORD));
        if let Some(distribution) = &self.distribution {
            let token = distribution.token(REPOSITORY);
            self.content
                .push(&Client::plain(distribution.open.plain).anonymous());
            self.content
                .push(&Client::plain(distribution.guarded.plain).bearer(&token));
        }
        for login in [Login::Anonymous, Login::Token] {
            for transport in [Transport::Plain, Transport::Tls] {
                for target in self.targets(transport, login) {
                    let client = self.client(&target);
                    self.check(&client, &manifest_path(image.as_str()), &image);
                    let large = self.content.large.digest();
                    self.check(&client, &blob_path(&large), &large);
                    self.check_range(&client, &blob_path(&self.content.small.digest()));
                }
            }
        }
    }

    /// Who takes part in a row. Tokens are new each time, so that none ends within it.
    pub(crate) fn targets(&self, transport: Transport, login: Login) -> Vec<Target> {
        let mut targets = self.registries(transport, login, REPOSITORY);
        if let Some(nginx) = &self.nginx {
            targets.push(Target {
                name: NGINX,
                pid: nginx.pid(),
                address: match transport {
                    Transport::Plain => nginx.plain,
                    Transport::Tls => nginx.tls,
                },
                tls: self.trust(transport, self.ca.pem().as_bytes()),
                token: None,
            });
        }
        targets
    }

    /// Who takes part in a row about this repository that files have no part in.
    pub(crate) fn registries(
        &self,
        transport: Transport,
        login: Login,
        repository: &str,
    ) -> Vec<Target> {
        let registry = match login {
            Login::Anonymous => &self.open,
            Login::Token => &self.guarded,
        };
        let mut targets = vec![self.roadstead(registry, transport, login, repository)];
        if let Some(distribution) = &self.distribution {
            let pair = match login {
                Login::Anonymous => &distribution.open,
                Login::Token => &distribution.guarded,
            };
            let (address, pid) = match transport {
                Transport::Plain => (pair.plain, pair.plain_pid()),
                Transport::Tls => (pair.tls, pair.tls_pid()),
            };
            let tls = self.trust(transport, self.ca.pem().as_bytes());
            let token = (login == Login::Token).then(|| distribution.token(repository));
            targets.push(Target {
                name: DISTRIBUTION,
                pid,
                address,
                tls,
                token,
            });
        }
        targets
    }

    fn roadstead(
        &self,
        registry: &Registry,
        transport: Transport,
        login: Login,
        repository: &str,
    ) -> Target {
        let scope = format!("repository:{repository}:pull,push");
        let token = (login == Login::Token).then(|| {
            let user = registry
                .client()
                .basic(roadstead::USER, roadstead::PASSWORD);
            user.token(&[&scope])
        });
        Target {
            name: ROADSTEAD,
            pid: registry.id(),
            address: match transport {
                Transport::Plain => registry.plain_address(),
                Transport::Tls => registry.tls_address(),
            },
            tls: self.trust(transport, &registry.ca()),
            token,
        }
    }

    #[expect(clippy::unused_self, reason = "trust belongs to the fleet")]
    fn trust(&self, transport: Transport, pem: &[u8]) -> Option<Arc<ClientConfig>> {
        (transport == Transport::Tls).then(|| one_suite(pem))
    }

    /// A patient client of a target, for checks.
    fn client(&self, target: &Target) -> Client {
        let client = match (&target.tls, target.name) {
            (None, _) => Client::plain(target.address),
            (Some(_), ROADSTEAD) if target.pid == self.open.id() => {
                Client::tls(target.address, &self.open.ca())
            }
            (Some(_), ROADSTEAD) => Client::tls(target.address, &self.guarded.ca()),
            (Some(_), _) => Client::tls(target.address, self.ca.pem().as_bytes()),
        };
        match &target.token {
            Some(token) => client.bearer(token),
            None => client,
        }
    }

    #[expect(clippy::unused_self, reason = "checks belong to the fleet")]
    fn check(&self, client: &Client, path: &str, digest: &Digest) {
        let accept = "application/vnd.oci.image.manifest.v1+json";
        let request = client.request(Method::GET, path).header("accept", accept);
        let download = request.download();
        download.response.expect(200);
        assert_eq!(download.digest, *digest, "{path} of {}", client.authority());
    }

    fn check_range(&self, client: &Client, path: &str) {
        let request = client.request(Method::GET, path);
        let answer = request
            .header("range", "bytes=1000-1999")
            .send()
            .expect(206);
        let expected = self.content.small.bytes().slice(1000..2000);
        assert_eq!(answer.body, expected, "a range of {}", client.authority());
    }

    /// A cache of nginx before this upstream, if there is nginx.
    pub(crate) fn cache_before(&self, upstream: SocketAddr) -> Option<Cache> {
        self.nginx
            .as_ref()
            .map(|nginx| nginx.cache_before(upstream))
    }

    /// What is measured here, in words.
    pub(crate) fn versions(&self) -> String {
        let mut text = format!("roadstead: {}", first_line(&harness::binary(), "--version"));
        match &self.distribution {
            Some(distribution) => {
                let version = first_line(distribution.program(), "--version");
                let _ = write!(text, "\ndocker-registry: {version}");
            }
            None => text.push_str("\ndocker-registry: not installed, its columns are missing"),
        }
        match &self.nginx {
            Some(nginx) => {
                let _ = write!(text, "\nnginx: {}", first_line(nginx.program(), "-v"));
            }
            None => text.push_str("\nnginx: not installed, its columns are missing"),
        }
        text
    }
}

fn first_line(program: &std::path::Path, word: &str) -> String {
    let said = Command::new(program).arg(word).output();
    let said = said.unwrap_or_else(|error| panic!("run {}: {error}", program.display()));
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}
