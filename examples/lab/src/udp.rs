//! A UDP server that answers every datagram with the name of its node, and the client for it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lvs_core::Netns;
use nix::cmsg_space;
use nix::libc::in6_pktinfo;
use nix::sys::socket::sockopt::{Ipv6RecvPacketInfo, Ipv6V6Only};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType,
    SockaddrIn6, bind, recvmsg, sendmsg, setsockopt, shutdown, socket,
};

use crate::error::{Context, Result};

/// Answers with one word until this is dropped.
#[derive(Debug)]
pub struct Server {
    socket: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers on a port of every address, IPv4 and IPv6, that the namespace has or will have.
    ///
    /// # Errors
    /// The port is in use, the kernel has no IPv6, or the namespace cannot be entered.
    pub fn start(netns: &Netns, port: u16, word: impl Into<String>) -> Result<Self> {
        let socket = netns.run(|_| open(port))?;
        let socket = Arc::new(socket.context(format_args!("receive on port {port}"))?);
        let (word, ours) = (word.into(), Arc::clone(&socket));
        let thread = thread::spawn(move || while answer(&ours, &word).is_ok() {});
        Ok(Self {
            socket,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The kernel returns ENOTCONN and wakes the thread all the same, with an empty datagram without sender.
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn open(port: u16) -> nix::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Inet6,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&socket, Ipv6V6Only, &false)?;
    setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
    let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
    bind(socket.as_raw_fd(), &SockaddrIn6::from(any))?;
    Ok(socket)
}

/// Answers one datagram with the address it was sent to as source: by itself the kernel would choose the real
/// IP, and the client expects the virtual one.
fn answer(socket: &OwnedFd, word: &str) -> io::Result<()> {
    let mut space = cmsg_space!(in6_pktinfo);
    let mut data = [0; 512];
    let mut buffers = [IoSliceMut::new(&mut data)];
    let fd = socket.as_raw_fd();
    let received = recvmsg::<SockaddrIn6>(fd, &mut buffers, Some(&mut space), MsgFlags::empty())?;
    let client = received.address.ok_or(io::ErrorKind::UnexpectedEof)?;
    let arrived = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(info),
        _ => None,
    });
    let mut from = arrived.ok_or(io::ErrorKind::UnexpectedEof)?;
    // The address only: the interface would be lo, where the virtual IP is.
    from.ipi6_ifindex = 0;
    let control = [ControlMessage::Ipv6PacketInfo(&from)];
    let word = [IoSlice::new(word.as_bytes())];
    // An unreachable client must not end the server.
    let _ = sendmsg(fd, &word, &control, MsgFlags::empty(), Some(&client));
    Ok(())
}

/// Asks a server for its word from this thread's namespace, with the given source address if there is one.
///
/// # Errors
/// No answer in time ([`io::ErrorKind::TimedOut`]), or a refusal.
pub fn fetch(server: SocketAddr, source: Option<IpAddr>, timeout: Duration) -> io::Result<String> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0))?;
    // A connected socket receives refusals, and answers from this server only.
    socket.connect(server)?;
    socket.set_read_timeout(Some(timeout))?;
    socket.send(b"who?")?;
    let mut answer = [0; 512];
    match socket.recv(&mut answer) {
        Ok(length) => {
            let word = answer.get(..length).unwrap_or_default();
            Ok(String::from_utf8_lossy(word).into_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::ErrorKind::TimedOut.into())
        }
        Err(error) => Err(error),
    }
}
