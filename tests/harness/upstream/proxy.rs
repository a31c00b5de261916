//! A forward proxy with a log, where names lead wherever a test says.
//!
//! It opens tunnels (CONNECT, RFC 9110 section 9.3.6) and passes plain requests on. There is no name
//! service behind it: a host is reached only if the test gave it an address, so that a test can use
//! any name it likes and nothing leaves this machine.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use http::{HeaderMap, Method, Uri};

use super::asked::{Asked, Log};
use super::login::basic;
use super::server::{Halt, Server};
use super::wire::Wire;

/// A forward proxy.
pub struct Proxy {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    login: Option<String>,
    ways: Mutex<BTreeMap<String, SocketAddr>>,
    log: Log,
}

impl Proxy {
    /// Starts one for everybody.
    #[track_caller]
    pub fn start() -> Self {
        Self::of(None)
    }

    /// Starts one that wants this login.
    #[track_caller]
    pub fn start_with_login(user: &str, password: &str) -> Self {
        Self::of(Some(basic(user, password)))
    }

    #[track_caller]
    fn of(login: Option<String>) -> Self {
        let state = Arc::new(State {
            login,
            ..State::default()
        });
        let ours = Arc::clone(&state);
        let serve = move |socket, halt: &Halt| ours.converse(socket, halt);
        Self {
            server: Server::start(([127, 0, 0, 1], 0).into(), serve),
            state,
        }
    }

    /// Leads `host:port` to this address.
    pub fn lead(&self, host: &str, address: SocketAddr) {
        let mut ways = self.state.ways.lock().expect("nobody panics with it");
        ways.insert(host.to_owned(), address);
    }

    /// `127.0.0.1:PORT`, for a URL with or without login.
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// All requests so far: `CONNECT host:port`, or plain ones with their whole URL.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.log.all()
    }
}

impl State {
    fn converse(&self, socket: Arc<TcpStream>, halt: &Halt) -> io::Result<()> {
        let mut wire = Wire::new(socket, None)?;
        while let Some(request) = wire.request()? {
            let asked = self.log.note(request, 0);
            if self.login.is_some() && asked.header("proxy-authorization") != self.login.as_deref()
            {
                let head = "HTTP/1.1 407 Proxy Authentication Required\r\n";
                wire.send(head.as_bytes())?;
                wire.send(
                    b"proxy-authenticate: Basic realm=\"a test\"\r\ncontent-length: 0\r\n\r\n",
                )?;
                continue;
            }
            let is_tunnel = asked.method == Method::CONNECT;
            let url = asked.target.parse::<Uri>().unwrap_or_default();
            let Some(address) = self.way(&url) else {
                wire.send(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            };
            let far = halt.enter(TcpStream::connect(address)?)?;
            if is_tunnel {
                wire.send(b"HTTP/1.1 200 OK\r\n\r\n")?;
            } else {
                Wire::new(Arc::clone(&far), None)?.send(forwarded(&asked, &url).as_bytes())?;
            }
            return join(wire, &far);
        }
        Ok(())
    }

    fn way(&self, url: &Uri) -> Option<SocketAddr> {
        let port = url.port_u16().unwrap_or(80);
        let host = format!("{}:{port}", url.host()?);
        let ways = self.ways.lock().expect("nobody panics with it");
        ways.get(&host).copied()
    }
}

/// A plain request as the host itself is asked, for one answer.
fn forwarded(asked: &Asked, url: &Uri) -> String {
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut lines = vec![format!("{} {path} HTTP/1.1", asked.method)];
    lines.extend(own(&asked.headers).map(|(name, value)| format!("{name}: {value}")));
    lines.push("connection: close\r\n\r\n".to_owned());
    lines.join("\r\n")
}

fn own(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let text = headers.iter();
    let text = text.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    text.filter(|(name, _)| !matches!(*name, "connection" | "proxy-authorization"))
}

/// Passes on what either side says until both have ended.
fn join(mut near: Wire, far: &Arc<TcpStream>) -> io::Result<()> {
    let back = near.socket().try_clone()?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let copied = io::copy(&mut &**far, &mut &back);
            // Whoever ends early ends both.
            drop(back.shutdown(Shutdown::Both));
            copied
        });
        let mut far = Wire::new(Arc::clone(far), None)?;
        loop {
            let bytes = near.receive().unwrap_or_default();
            if bytes.is_empty() || far.send(&bytes).is_err() {
                far.finish();
                return Ok(());
            }
        }
    })
}
