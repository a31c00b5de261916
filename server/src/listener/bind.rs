//! Sockets to listen on, and how many connections the system lets us have.
//!
//! Owns what differs between machines: with IPv6 and without, with many file descriptors and with
//! few. It accepts nothing. Invariant: a socket is bound to the address asked for, or to the IPv4
//! form of "everywhere" where the IPv6 form was asked for and there is no IPv6.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait for us to accept them.
const BACKLOG: u32 = 1024;
/// Connections at a time, where the system allows as many.
const CONNECTIONS: usize = 16 * 1024;

/// Binds `address`. The unspecified IPv6 address also takes IPv4 if `with_ipv4` says so, and stands
/// for the IPv4 one on a machine without IPv6.
///
/// # Errors
/// When the system refuses, as when the port is taken.
pub(crate) fn bind(address: SocketAddr, with_ipv4: bool) -> io::Result<TcpListener> {
    match bind_exactly(address, with_ipv4) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && has_no_ipv6(&error) => {
            bind_exactly((Ipv4Addr::UNSPECIFIED, address.port()).into(), false)
        }
        bound => bound,
    }
}

fn bind_exactly(address: SocketAddr, with_ipv4: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        let socket = TcpSocket::new_v6()?;
        set_ipv6_v6only(&socket, !with_ipv4)?;
        socket
    } else {
        TcpSocket::new_v4()?
    };
    // Connections of the last run that linger must not keep this one from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the machine does not know IPv6, or has it switched off.
fn has_no_ipv6(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

/// How many connections may be open at a time: a third of the file descriptors there are, since each
/// may read one file and write another. Raises the process's limit as far as it may be raised.
pub(crate) fn max_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let descriptors = granted.and_then(|granted| usize::try_from(granted).ok());
    descriptors.map_or(CONNECTIONS, |descriptors| {
        (descriptors / 3).clamp(1, CONNECTIONS)
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn the_unspecified_address_takes_both_families_or_what_the_machine_has() {
        let any = (Ipv6Addr::UNSPECIFIED, 0).into();
        let socket = bind(any, true).expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        client.expect("IPv4 is served");
    }

    #[tokio::test]
    async fn a_listener_for_each_family_may_share_a_port() {
        let four = bind((Ipv4Addr::UNSPECIFIED, 0).into(), false).expect("a free port");
        let port = four.local_addr().expect("bound").port();
        match bind_exactly((Ipv6Addr::UNSPECIFIED, port).into(), false) {
            Err(error) => assert!(has_no_ipv6(&error), "{error}"),
            Ok(six) => assert!(six.local_addr().expect("bound").is_ipv6()),
        }
    }
}
