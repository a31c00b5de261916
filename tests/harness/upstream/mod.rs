//! An upstream of the tests' own: a registry to pull from that misbehaves on order.
//!
//! It holds what a test gives it, says what was asked of it, and for each request a rule of the test
//! may say what goes wrong. It speaks HTTP/1.1 by hand, so that everything can go wrong that does on
//! real networks, and lives on threads that end with it. Beside it stands a proxy of the same kind.

mod answer;
mod asked;
mod content;
mod delivery;
mod fault;
mod login;
mod proxy;
mod reply;
mod server;
mod setup;
mod tls;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

pub use answer::Referrers;
pub use asked::{Asked, Subject};
pub use content::Blob;
pub use fault::{At, Fault, Gate};
pub use login::{Rules, Tokens};
pub use proxy::Proxy;
pub use reply::Reply;
pub use setup::UpstreamSetup;
pub use tls::{Ca, Identity};

use self::asked::Log;
use self::content::Content;
use self::delivery::Delivery;
use self::login::Login;
use self::server::{Halt, Server};
use self::wire::Wire;
use crate::digest::Digest;
use crate::image::{Image, Manifest};

/// A registry to pull from.
pub struct Upstream {
    address: SocketAddr,
    /// Dropped, it is down.
    server: Option<Server>,
    state: Arc<State>,
}

type Rule = Arc<dyn Fn(&Asked) -> Vec<Fault> + Send + Sync>;

/// What its threads share.
struct State {
    setup: UpstreamSetup,
    content: Mutex<Content>,
    rule: Mutex<Rule>,
    log: Log,
    connections: AtomicUsize,
}

impl Upstream {
    /// An upstream to be: plain HTTP and no login, if nothing more is said.
    pub fn with() -> UpstreamSetup {
        UpstreamSetup::default()
    }

    /// Starts one with the defaults.
    #[track_caller]
    pub fn start() -> Self {
        Self::with().start()
    }

    #[track_caller]
    fn of(setup: UpstreamSetup) -> Self {
        let state = Arc::new(State {
            setup,
            content: Mutex::default(),
            rule: Mutex::new(Arc::new(|_| Vec::new())),
            log: Log::default(),
            connections: AtomicUsize::new(0),
        });
        let server = state.serve(([127, 0, 0, 1], 0).into());
        Self {
            address: server.address(),
            server: Some(server),
            state,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL by its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.state.scheme(), self.address)
    }

    /// Refuses connections, and breaks those that are open.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Listens again, on the same port and with the same content.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.server = Some(self.state.serve(self.address));
    }

    /// Holds an image under this tag or digest.
    pub fn put(&self, repository: &str, reference: &str, image: &Image) {
        self.put_blob(repository, &image.config);
        for layer in &image.layers {
            self.put_blob(repository, layer);
        }
        self.put_manifest(repository, reference, &image.manifest);
    }

    /// Holds a manifest under this tag or digest, whether that is true or not.
    pub fn put_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) {
        let mut content = self.state.content();
        content.repository_mut(repository).put(reference, manifest);
    }

    /// Holds a blob.
    pub fn put_blob(&self, repository: &str, blob: impl Into<Blob>) -> Digest {
        let blob = blob.into();
        let digest = blob.digest();
        self.put_blob_as(repository, &digest, blob);
        digest
    }

    /// Holds a blob under this digest, whether that is true or not.
    pub fn put_blob_as(&self, repository: &str, digest: &Digest, blob: impl Into<Blob>) {
        let mut content = self.state.content();
        let blobs = &mut content.repository_mut(repository).blobs;
        blobs.insert(digest.as_str().to_owned(), blob.into());
    }

    /// Forgets a tag, or a manifest with its tags.
    pub fn remove(&self, repository: &str, reference: &str) {
        let mut content = self.state.content();
        content.repository_mut(repository).remove(reference);
    }

    /// Forgets a repository.
    pub fn remove_repository(&self, repository: &str) {
        self.state.content().remove(repository);
    }

    /// Says for each request from now on what goes wrong with its answer.
    pub fn when<I>(&self, rule: impl Fn(&Asked) -> I + Send + Sync + 'static)
    where
        I: IntoIterator<Item = Fault>,
    {
        let rule: Rule = Arc::new(move |asked| rule(asked).into_iter().collect());
        *self.state.rule.lock().expect("nobody panics with it") = rule;
    }

    /// Lets this go wrong with each request from now on.
    pub fn always(&self, fault: Fault) {
        self.when(move |_| [fault.clone()]);
    }

    /// Lets this go wrong with the next request that is meant, and with no other.
    pub fn once(&self, meant: impl Fn(&Asked) -> bool + Send + Sync + 'static, fault: Fault) {
        let is_done = AtomicBool::new(false);
        self.when(move |asked| {
            let is_it = meant(asked) && !is_done.swap(true, Ordering::SeqCst);
            is_it.then(|| fault.clone())
        });
    }

    /// Lets nothing go wrong from now on.
    pub fn behave(&self) {
        self.when(|_| None);
    }

    /// All requests so far, in the order they came.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.log.all()
    }

    /// What was asked for its own sake: not what belongs to a manifest and is asked for along with it.
    pub fn wanted(&self) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| !asked.is_along());
        asked
    }

    /// How many requests there were of this kind.
    pub fn count(&self, kind: impl Fn(&Asked) -> bool) -> usize {
        self.asked().iter().filter(|asked| kind(asked)).count()
    }

    /// How many bytes of bodies it has sent.
    pub fn sent(&self) -> u64 {
        self.asked().iter().map(|asked| asked.sent).sum()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl State {
    #[track_caller]
    fn serve(self: &Arc<Self>, address: SocketAddr) -> Server {
        let state = Arc::clone(self);
        Server::start(address, move |socket, halt| state.converse(socket, halt))
    }

    /// Answers what is asked on one connection.
    fn converse(&self, socket: Arc<TcpStream>, halt: &Halt) -> io::Result<()> {
        let connection = self.connections.fetch_add(1, Ordering::SeqCst);
        let identity = self.setup.identity.clone();
        let mut wire = Wire::new(socket, identity.map(|identity| identity.0))?;
        while let Some(request) = wire.request()? {
            let asked = self.log.note(request, connection);
            let rule = Arc::clone(&self.rule.lock().expect("nobody panics with it"));
            let faults = rule(&asked);
            let is_last = asked.header("connection") == Some("close");
            let mut reply = self.reply(&asked, &faults);
            if is_last {
                reply = reply.header("connection", "close");
            }
            let delivery = Delivery::new(&asked, &self.log, halt, &faults, reply);
            match delivery.send(wire)? {
                Some(open) if is_last => {
                    open.finish();
                    return Ok(());
                }
                Some(open) => wire = open,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn reply(&self, asked: &Asked, faults: &[Fault]) -> Reply {
        let instead = faults.iter().find_map(|fault| match fault {
            Fault::Instead(reply) => Some(reply.clone()),
            _ => None,
        });
        let reply = instead.unwrap_or_else(|| self.honest(asked, faults));
        let headers = &self.setup.headers;
        headers.iter().fold(reply, |reply, (name, value)| {
            reply.header(name, value.clone())
        })
    }

    fn honest(&self, asked: &Asked, faults: &[Fault]) -> Reply {
        if let (Subject::Token, Login::Bearer(tokens, _)) = (asked.subject(), &self.setup.login) {
            return tokens.give(asked);
        }
        let host = asked.header("host").unwrap_or_default();
        let home = format!("{}://{host}", self.scheme());
        if let Some(refusal) = self.setup.login.refusal(asked, &home) {
            return refusal;
        }
        let ignores = |fault: &Fault| matches!(fault, Fault::IgnoredRange);
        let with_range = !faults.iter().any(ignores);
        answer::to(asked, &self.content(), self.setup.manner, with_range)
    }

    fn scheme(&self) -> &'static str {
        if self.setup.identity.is_some() {
            "https"
        } else {
            "http"
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().expect("nobody panics with it")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::{Duration, Instant};

    use http::Method;

    use super::*;
    use crate::client::Client;
    use crate::content::Noise;
    use crate::image::Format;
    use crate::process::eventually;

    fn client(upstream: &Upstream) -> Client {
        Client::plain(upstream.address())
    }

    #[test]
    fn what_is_put_can_be_pulled_whole_and_in_parts() {
        let (upstream, image) = (Upstream::start(), Image::new(Format::Oci, "text"));
        upstream.put("a/b", "latest", &image);
        let client = client(&upstream);
        let manifest = client.get("/v2/a/b/manifests/latest").expect(200);
        assert_eq!(manifest.body, image.manifest.bytes);
        let noise = Noise::new(1, 600_000);
        let digest = upstream.put_blob("a/b", noise.clone());
        let path = format!("/v2/a/b/blobs/{digest}");
        assert_eq!(client.get(&path).expect(200).body, noise.bytes());
        let part = client.request(Method::GET, &path);
        let part = part
            .header("range", "bytes=262143-262145")
            .send()
            .expect(206);
        assert_eq!(part.body, noise.bytes().slice(262_143..262_146));
        assert_eq!(
            part.header("content-range"),
            Some("bytes 262143-262145/600000")
        );
        upstream.remove("a/b", "latest");
        client.get("/v2/a/b/manifests/latest").expect(404);
        assert_eq!(upstream.asked()[2].sent, 3);
    }

    #[test]
    fn an_upstream_ends_though_somebody_waits_for_it() {
        let upstream = Upstream::start();
        upstream.always(Fault::stall(At::Start));
        let mut peer = TcpStream::connect(upstream.address()).unwrap();
        peer.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").unwrap();
        eventually("it is asked", || upstream.asked().len() == 1);
        drop(upstream);
        assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn a_rule_that_fails_fails_the_test() {
        let upstream = Upstream::start();
        upstream.when(|asked| -> Option<Fault> { panic!("asked for {}", asked.target) });
        let mut peer = TcpStream::connect(upstream.address()).unwrap();
        peer.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
        catch_unwind(AssertUnwindSafe(|| drop(upstream))).unwrap_err();
    }

    #[test]
    fn a_delay_is_for_each_request() {
        let upstream = Upstream::start();
        let delay = Duration::from_millis(30);
        upstream.always(Fault::Delay(delay));
        let (client, began) = (client(&upstream), Instant::now());
        for _ in 0..3 {
            client.get("/v2/").expect(200);
        }
        assert!(began.elapsed() >= 3 * delay);
    }
}
