//! The socket that shows all packets of a host, and what it had no room for.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::PACKET_OTHERHOST;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};

use super::packet_head::Head;
use super::packet_socket::waits;
use crate::error::{Error, Operation, Result};

/// The headers up to the ports and flags, also those of a tunnel; the rest is cut off.
const LONGEST: usize = 128;
/// The socket receives all traffic of the host, so its buffer must outlast a burst.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Shows the packets to and from this host, by any interface, in their order.
pub(super) struct Tap {
    socket: OwnedFd,
    /// So many packets had no room before the last one that was read.
    dropped: u32,
}

/// Holds a packet as the tap shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tapped {
    /// `None` where it is not understood.
    pub(super) head: Option<Head>,
    /// `PACKET_HOST`, `PACKET_OUTGOING` or another one.
    pub(super) kind: u8,
    /// Whether packets that had no room are missing before it.
    pub(super) is_after_gap: bool,
}

impl Tap {
    /// Opens the socket.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW` no packet is seen.
    pub(super) fn open() -> Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )
        .map_err(failed)?;
        // Only a privilege beyond CAP_NET_RAW grants it.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        setsockopt(&socket, sockopt::RxqOvfl, &1).map_err(failed)?;
        Ok(Self { socket, dropped: 0 })
    }

    /// Returns the next packet, `None` when the time is over and none waits any more.
    ///
    /// # Errors
    /// The socket fails.
    pub(super) fn next(&mut self, until: Instant) -> Result<Option<Tapped>> {
        loop {
            match self.receive() {
                Ok(packet) => return Ok(Some(packet)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if waits(&self.socket, until).map_err(failed)? => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    fn receive(&mut self) -> nix::Result<Tapped> {
        let mut bytes = [0; LONGEST];
        let mut control = cmsg_space!(u32);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let message = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let (length, from) = (message.bytes, message.address);
        let dropped = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::RxqOvfl(count) => Some(count),
            _ => None,
        });
        // The kernel leaves the number out while it is zero.
        let dropped = dropped.unwrap_or_default();
        let is_after_gap = dropped != self.dropped;
        self.dropped = dropped;
        Ok(Tapped {
            head: bytes.get(..length).and_then(Head::read),
            kind: from.map_or(PACKET_OTHERHOST, |from| from.pkttype()),
            is_after_gap,
        })
    }
}

fn failed(errno: Errno) -> Error {
    Error::io(
        Operation::new("see packets of clients", ""),
        io::Error::from(errno),
    )
}
