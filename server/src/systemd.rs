//! The service manager's side of the conversation: readiness, watchdog, stopping.
//!
//! Owns the datagrams of the `sd_notify` protocol. It is told by the environment whom to talk to and
//! stays silent where nobody listens; a manager that does not hear us is no reason to stop serving.
//! Invariant: nothing here blocks or fails.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use crate::config::environment::Environment;

/// Talks to the service manager, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Talks to the manager that the environment names.
    pub(crate) fn new(environment: &Environment) -> Self {
        let address = environment.notify_socket.as_deref().and_then(address);
        let manager = address.and_then(|address| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, address))
        });
        let watchdog = environment.watchdog.filter(|_| manager.is_some());
        Self { manager, watchdog }
    }

    /// Everything is open: what was ordered to start after us may start.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// No longer accepting; the time to stop runs.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Tells the manager again and again that the process is alive. Never returns; without a
    /// watchdog it waits for ever. It must run on the runtime that serves, so that a runtime that is
    /// stuck is noticed.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub(crate) async fn watch(&self) {
        let Some(period) = self.watchdog else {
            return std::future::pending().await;
        };
        // Twice as often as is asked for, as sd_watchdog_enabled(3) advises.
        let mut ticks = interval(period / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.send("WATCHDOG=1");
        }
    }

    fn send(&self, state: &str) {
        let Some((socket, address)) = &self.manager else {
            return;
        };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            debug!(%error, state, "The service manager did not take a message");
        }
    }
}

/// A path, or after `@` a name in the abstract namespace.
fn address(socket: &OsStr) -> Option<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(socket).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(socket: &std::path::Path, watchdog: Option<Duration>) -> Environment {
        let mut environment = Environment::default();
        environment.notify_socket = Some(socket.as_os_str().to_owned());
        environment.watchdog = watchdog;
        environment
    }

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_manager_hears_of_each_state() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        let notify = Notify::new(&environment(&socket, None));
        notify.ready();
        assert_eq!(heard(&manager), "READY=1");
        notify.stopping();
        assert_eq!(heard(&manager), "STOPPING=1");
    }

    #[tokio::test]
    async fn the_watchdog_is_fed_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        let notify = Notify::new(&environment(&socket, Some(Duration::from_millis(20))));
        let listening = tokio::task::spawn_blocking(move || [heard(&manager), heard(&manager)]);
        tokio::select! {
            () = notify.watch() => unreachable!("it never returns"),
            heard = listening => assert_eq!(heard.unwrap(), ["WATCHDOG=1", "WATCHDOG=1"]),
        }
    }

    #[tokio::test]
    async fn an_abstract_socket_is_reached() {
        let name = format!("roadstead-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notify::new(&environment(format!("@{name}").as_ref(), None)).ready();
        assert_eq!(heard(&manager), "READY=1");
    }

    #[tokio::test]
    async fn silence_where_nobody_listens() {
        for notify in [
            Notify::default(),
            Notify::new(&Environment::default()),
            Notify::new(&environment("/nowhere/notify".as_ref(), None)),
            Notify::new(&environment("vsock:2:1234".as_ref(), None)),
        ] {
            notify.ready();
            notify.stopping();
        }
    }
}
