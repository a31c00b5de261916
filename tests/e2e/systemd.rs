//! What a service manager is told (`Type=notify`, `sd_notify(3)`), with a socket in its place.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use harness::{DEADLINE, Registry, Scratch, Setup};

/// The service manager's end of the socket.
struct Manager {
    socket: UnixDatagram,
    dir: Scratch,
}

impl Manager {
    fn new() -> Self {
        let dir = Scratch::new();
        let socket = UnixDatagram::bind(dir.join("notify")).expect("bind a socket");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("set a read timeout");
        Self { socket, dir }
    }

    fn manages(&self, setup: Setup) -> Setup {
        let path = self.dir.join("notify");
        setup.env("NOTIFY_SOCKET", path.to_str().expect("an ASCII path"))
    }

    /// Waits for a message with this line, whatever else is said before.
    #[track_caller]
    fn hears(&self, line: &str) {
        let mut buffer = [0; 4096];
        loop {
            let count = self.socket.recv(&mut buffer);
            let count = count.unwrap_or_else(|error| panic!("never heard {line}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..count]);
            if message.lines().any(|said| said == line) {
                return;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told_of_the_beginning_and_the_end() {
    let manager = Manager::new();
    let mut registry = manager.manages(Registry::with()).start();
    manager.hears("READY=1");

    registry.stop();
    manager.hears("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_in_time() {
    let manager = Manager::new();
    let patience = Duration::from_secs(2).as_micros().to_string();
    let setup = manager
        .manages(Registry::with())
        .env("WATCHDOG_USEC", patience);
    let registry = setup.start();

    manager.hears("READY=1");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    registry.finish();
}
