//! Sockets that are marked, bound and connected without waiting.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::{Linger, Mark, SocketError};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket,
};

use crate::health::{Failure, ProbePath, Stage};

/// Begins a connection, and returns its socket, which becomes writable when [`connected`] knows what became of it.
///
/// It is closed by RST: a FIN would leave an entry of 120 s in the director's connection table, a RST one of 10 s.
pub(super) fn begin_tcp(path: &ProbePath) -> Result<TcpStream, Failure> {
    let socket = prepared(path, SockType::Stream)?;
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&socket, Linger, &at_once).map_err(|errno| local("set SO_LINGER", errno))?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(path.destination)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(failure(errno, Stage::Request)),
    }
}

/// Says what became of a connection.
pub(super) fn connected(socket: &TcpStream) -> Result<(), Failure> {
    match nix::sys::socket::getsockopt(socket, SocketError) {
        Ok(0) => Ok(()),
        Ok(errno) => Err(failure(Errno::from_raw(errno), Stage::Request)),
        Err(errno) => Err(local("read SO_ERROR", errno)),
    }
}

/// Returns a connected UDP socket that does not block.
pub(super) fn connect_udp(path: &ProbePath) -> Result<UdpSocket, Failure> {
    let socket = prepared(path, SockType::Datagram)?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(path.destination))
        .map_err(|errno| failure(errno, Stage::Request))?;
    Ok(UdpSocket::from(socket))
}

fn prepared(path: &ProbePath, kind: SockType) -> Result<OwnedFd, Failure> {
    let family = match path.destination {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket =
        socket(family, kind, flags, None).map_err(|errno| local("open a socket", errno))?;
    if let Some(mark) = path.mark {
        setsockopt(&socket, Mark, &mark.get()).map_err(|errno| local("set SO_MARK", errno))?;
    }
    if let Some(source) = path.source {
        bind_to(&socket, source)?;
    }
    Ok(socket)
}

/// Binds to the source; to any port of it if the port is in use.
fn bind_to(socket: &OwnedFd, mut source: SocketAddr) -> Result<(), Failure> {
    let mut result = bind(socket.as_raw_fd(), &SockaddrStorage::from(source));
    if result == Err(Errno::EADDRINUSE) && source.port() != 0 {
        source.set_port(0);
        result = bind(socket.as_raw_fd(), &SockaddrStorage::from(source));
    }
    result.map_err(|errno| local("bind to the source address", errno))
}

/// Returns a failure of the director.
pub(super) fn local(action: &str, errno: Errno) -> Failure {
    Failure::NotProbed(format!("{action}: {}", errno.desc()))
}

/// Returns what an errno of the network means before a stage.
pub(super) fn failure(errno: Errno, before: Stage) -> Failure {
    match errno {
        Errno::ECONNREFUSED => Failure::Refused,
        Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN => Failure::Unreachable,
        Errno::ETIMEDOUT => Failure::ConnectTimedOut,
        Errno::ECONNRESET | Errno::EPIPE => Failure::Closed(before),
        errno => local("use the network", errno),
    }
}

/// Returns the same for an error of the standard library.
pub(super) fn io_failure(error: &std::io::Error, before: Stage) -> Failure {
    match error.raw_os_error() {
        Some(errno) => failure(Errno::from_raw(errno), before),
        None => Failure::Closed(before),
    }
}
