//! The contestants: started side by side, filled with the same contents, and checked once.
//!
//! Roadstead and docker-registry run twice: with a login (tokens, and twenty rules in Roadstead) and open
//! to everyone. nginx serves the same contents as files and knows no login.

mod distribution;
mod nginx;
mod port;
mod roadstead;
mod token;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use harness::upstream::Ca;
use harness::{Client, Digest, Registry};
use http::Method;

use self::distribution::Distribution;
pub(crate) use self::nginx::Cache;
use self::nginx::Nginx;
pub(crate) use self::roadstead::before;
use crate::content::{Content, REPOSITORY, blob_path, manifest_path};
use crate::target::{DISTRIBUTION, Login, NGINX, ROADSTEAD, Target, Transport, Trust};

/// All contestants.
pub(crate) struct Fleet {
    pub(crate) content: Content,
    open: Registry,
    guarded: Registry,
    distribution: Option<Distribution>,
    nginx: Option<Nginx>,
    /// Who vouches for both peers.
    trust: Trust,
}

impl Fleet {
    /// Starts all that is installed, with a large blob of so many bytes in mind.
    pub(crate) fn start(large: u64) -> Self {
        let ca = Ca::new();
        let content = Content::new(large);
        Self {
            open: roadstead::open(),
            guarded: roadstead::guarded(),
            distribution: Distribution::start(&ca),
            nginx: Nginx::start(&ca, &content),
            content,
            trust: Trust::in_pem(ca.pem().as_bytes()),
        }
    }

    /// Gives each contestant its contents, and checks that each serves them, bytes and ranges, by every
    /// way that will be measured: from here on bytes are counted and no longer looked at.
    pub(crate) fn fill(&self) {
        self.content.push(&self.open.admin());
        let user = self.guarded.user(roadstead::USER, roadstead::PASSWORD);
        self.content.push(&user);
        if let Some(distribution) = &self.distribution {
            let token = distribution.token(REPOSITORY);
            self.content
                .push(&Client::plain(distribution.open.plain.address));
            let guarded = Client::plain(distribution.guarded.plain.address).bearer(&token);
            self.content.push(&guarded);
        }
        for login in [Login::Anonymous, Login::Token] {
            for transport in [Transport::Plain, Transport::Tls] {
                for target in self.targets(transport, login) {
                    self.check(&target.client());
                }
            }
        }
    }

    fn check(&self, client: &Client) {
        let Content {
            image,
            large,
            small,
        } = &self.content;
        check_whole(
            client,
            &manifest_path(image.digest().as_str()),
            &image.digest(),
        );
        for blob in [large, small] {
            let path = blob_path(&blob.digest());
            check_whole(client, &path, &blob.digest());
            let request = client.request(Method::GET, &path);
            let answer = request
                .header("range", "bytes=1000-1999")
                .send()
                .expect(206);
            let first = blob.chunks().next().expect("it is not empty");
            assert_eq!(
                answer.body,
                first.slice(1000..2000),
                "{path} of {}",
                client.authority()
            );
        }
    }

    /// Who takes part in a row. Tokens are new each time, so that none ends within it.
    pub(crate) fn targets(&self, transport: Transport, login: Login) -> Vec<Target> {
        let mut targets = self.registries(transport, login, REPOSITORY);
        targets.extend(self.nginx.as_ref().map(|nginx| Target {
            name: NGINX,
            pid: nginx.pid(),
            address: match transport {
                Transport::Plain => nginx.plain,
                Transport::Tls => nginx.tls,
            },
            trust: (transport == Transport::Tls).then(|| self.trust.clone()),
            token: None,
        }));
        targets
    }

    /// Who takes part in a row about this repository that files have no part in.
    pub(crate) fn registries(
        &self,
        transport: Transport,
        login: Login,
        repository: &str,
    ) -> Vec<Target> {
        let mut targets = vec![self.roadstead(transport, login, repository)];
        targets.extend(self.distribution.as_ref().map(|distribution| {
            let pair = match login {
                Login::Anonymous => &distribution.open,
                Login::Token => &distribution.guarded,
            };
            let server = match transport {
                Transport::Plain => &pair.plain,
                Transport::Tls => &pair.tls,
            };
            Target {
                name: DISTRIBUTION,
                pid: server.pid(),
                address: server.address,
                trust: (transport == Transport::Tls).then(|| self.trust.clone()),
                token: (login == Login::Token).then(|| distribution.token(repository)),
            }
        }));
        targets
    }

    fn roadstead(&self, transport: Transport, login: Login, repository: &str) -> Target {
        let registry = match login {
            Login::Anonymous => &self.open,
            Login::Token => &self.guarded,
        };
        let token = (login == Login::Token).then(|| {
            let user = registry
                .client()
                .basic(roadstead::USER, roadstead::PASSWORD);
            user.token(&[&format!("repository:{repository}:pull,push")])
        });
        Target {
            name: ROADSTEAD,
            pid: registry.id(),
            address: match transport {
                Transport::Plain => registry.plain_address(),
                Transport::Tls => registry.tls_address(),
            },
            trust: (transport == Transport::Tls).then(|| Trust::in_pem(&registry.ca())),
            token,
        }
    }

    /// A cache of nginx before this upstream, if there is nginx.
    pub(crate) fn cache_before(&self, upstream: SocketAddr) -> Option<Cache> {
        self.nginx
            .as_ref()
            .map(|nginx| nginx.cache_before(upstream))
    }

    /// What is measured here, in words.
    pub(crate) fn versions(&self) -> Vec<String> {
        let missing = "not installed: its lines are missing".to_owned();
        let distribution = self.distribution.as_ref();
        let distribution = distribution.map(|found| first_line(found.program(), "--version"));
        let nginx = self.nginx.as_ref();
        let nginx = nginx.map(|found| first_line(found.program(), "-v"));
        vec![
            format!(
                "{ROADSTEAD}: {}",
                first_line(&harness::binary(), "--version")
            ),
            format!(
                "{DISTRIBUTION}: {}",
                distribution.unwrap_or_else(|| missing.clone())
            ),
            format!("{NGINX} (files, no login): {}", nginx.unwrap_or(missing)),
        ]
    }
}

fn check_whole(client: &Client, path: &str, digest: &Digest) {
    let accept = harness::media_type::OCI_IMAGE;
    let request = client.request(Method::GET, path).header("accept", accept);
    let download = request.download();
    download.response.expect(200);
    assert_eq!(download.digest, *digest, "{path} of {}", client.authority());
}

fn first_line(program: &Path, word: &str) -> String {
    let said = Command::new(program).arg(word).output();
    let said = said.unwrap_or_else(|error| panic!("run {}: {error}", program.display()));
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}
