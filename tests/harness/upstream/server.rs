//! A listener whose connections have a thread each, and an end that leaves none behind.
//!
//! Invariant: once a server is dropped its sockets are closed and its threads have ended. A thread
//! that panicked, because a rule of the test did, fails the test then.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Accepts connections until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    halt: Arc<Halt>,
    thread: Option<JoinHandle<()>>,
}

/// The end of a server, as its threads see it.
#[derive(Default)]
pub(super) struct Halt {
    open: Mutex<Open>,
    changed: Condvar,
}

#[derive(Default)]
struct Open {
    is_over: bool,
    sockets: Vec<Weak<TcpStream>>,
}

impl Server {
    /// Listens at `address` and serves each connection in a thread of its own. That a peer goes away
    /// is no failure.
    #[track_caller]
    pub(super) fn start<F>(address: SocketAddr, serve: F) -> Self
    where
        F: Fn(Arc<TcpStream>, &Halt) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("listen at {address}: {error}"));
        let address = listener.local_addr().expect("a listener has an address");
        let halt = Arc::new(Halt::default());
        let ours = Arc::clone(&halt);
        let thread = thread::spawn(move || accept(&listener, &ours, &serve));
        Self {
            address,
            halt,
            thread: Some(thread),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn accept<F>(listener: &TcpListener, halt: &Halt, serve: &F)
where
    F: Fn(Arc<TcpStream>, &Halt) -> io::Result<()> + Sync,
{
    thread::scope(|scope| {
        for socket in listener.incoming() {
            // A peer that went away while it waited.
            let Ok(socket) = socket else { continue };
            let Ok(socket) = halt.enter(socket) else {
                return;
            };
            scope.spawn(move || drop(serve(socket, halt)));
        }
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt.end();
        // Wakes the thread that accepts; where that fails, nobody listens any more.
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().map(JoinHandle::join);
        let is_well = !matches!(ended, Some(Err(_)));
        let place = self.address;
        assert!(
            is_well || thread::panicking(),
            "a thread of the server at {place} panicked"
        );
    }
}

impl Halt {
    /// Takes a socket that is closed when the server ends.
    ///
    /// # Errors
    ///
    /// When it ends already.
    pub(super) fn enter(&self, socket: TcpStream) -> io::Result<Arc<TcpStream>> {
        socket.set_nodelay(true)?;
        let socket = Arc::new(socket);
        let mut open = self.open.lock().expect("nobody panics with it");
        if open.is_over {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        open.sockets.retain(|socket| socket.strong_count() > 0);
        open.sockets.push(Arc::downgrade(&socket));
        Ok(socket)
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// When the server ends meanwhile.
    pub(super) fn pause(&self, span: Duration) -> io::Result<()> {
        let end = Instant::now() + span;
        let mut open = self.open.lock().expect("nobody panics with it");
        while !open.is_over {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.changed.wait_timeout(open, left);
            (open, _) = waited.expect("nobody panics with it");
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    fn end(&self) {
        let mut open = self.open.lock().expect("nobody panics with it");
        open.is_over = true;
        for socket in open.sockets.iter().filter_map(Weak::upgrade) {
            // One that its peer has closed need not be closed.
            drop(socket.shutdown(std::net::Shutdown::Both));
        }
        self.changed.notify_all();
    }
}
