//! Ports for servers that cannot be told to choose one and say which.

use std::net::{SocketAddr, TcpListener, TcpStream};

use harness::{Process, eventually};

/// An address that nobody listens on at this moment.
pub(super) fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address")
}

/// Waits until this process can be connected to.
///
/// # Panics
/// When it ends instead: another may have taken the port, or the configuration is wrong.
pub(super) fn wait(process: &mut Process, address: SocketAddr) {
    eventually("a contestant listens", || {
        assert!(
            process.is_running(),
            "it did not start:\n{}",
            process.stderr()
        );
        TcpStream::connect(address).is_ok()
    });
}
