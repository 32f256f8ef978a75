//! A packet socket: whole Ethernet frames of one interface, sent and received.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc::{ARPHRD_ETHER, ENETDOWN, ENODEV, EPERM, PACKET_OUTGOING};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockProtocol, SockType, bind,
    recvmmsg, sendmmsg, setsockopt, socket, sockopt,
};

use super::MacAddress;
use crate::error::{Error, Operation, Result};
use crate::name::IfName;

/// How often a question is sent: one frame may be lost (RFC 5227 asks three times too).
const QUESTIONS: u32 = 3;
/// No answer that is looked for is longer; longer frames are cut off.
const LONGEST: usize = 128;
/// The socket receives all traffic of the interface, so its buffer must outlast a burst.
const RECEIVE_BUFFER: usize = 4 << 20;
/// How many frames one system call sends or receives.
const AT_ONCE: usize = 64;

/// Sends and receives the Ethernet frames of one interface, in the network namespace of the thread that
/// opened it.
pub(super) struct PacketSocket<'a> {
    /// What errors name.
    operation: Operation,
    interface: &'a IfName,
    mac: MacAddress,
    socket: OwnedFd,
}

impl<'a> PacketSocket<'a> {
    /// Opens a socket that sends and receives.
    ///
    /// It must be opened for all protocols, because nix has no constant for ARP. The address from the
    /// kernel's list of interfaces has protocol 0, with which `bind` leaves that as it is.
    pub(super) fn open(operation: Operation, interface: &'a IfName) -> Result<Self> {
        let socket = Self::bound(operation, interface, SockProtocol::EthAll)?;
        // Only a privilege beyond CAP_NET_RAW grants it; the questions are repeated, so go on without.
        let _ = setsockopt(&socket.socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        Ok(socket)
    }

    /// Opens a socket that only sends.
    pub(super) fn open_for_sending(operation: Operation, interface: &'a IfName) -> Result<Self> {
        Self::bound(operation, interface, None)
    }

    fn bound(
        operation: Operation,
        interface: &'a IfName,
        protocol: impl Into<Option<SockProtocol>>,
    ) -> Result<Self> {
        let link = link_address(&operation, interface)?;
        let raw = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, raw, protocol)
            .and_then(|socket| bind(socket.as_raw_fd(), &link).map(|()| socket))
            .map_err(|errno| refused(operation.clone(), interface, errno))?;
        Ok(Self {
            operation,
            interface,
            mac: MacAddress(link.addr().unwrap_or_default()),
            socket,
        })
    }

    /// Returns the hardware address of the interface.
    pub(super) const fn mac(&self) -> MacAddress {
        self.mac
    }

    /// Sends frames, dozens at a time: there may be thousands.
    pub(super) fn send(&self, frames: &[Vec<u8>]) -> Result<()> {
        let mut rest = frames;
        while !rest.is_empty() {
            let slices: Vec<_> = rest
                .iter()
                .take(AT_ONCE)
                .map(|frame| [IoSlice::new(frame)])
                .collect();
            let mut headers = MultiHeaders::<()>::preallocate(slices.len(), None);
            let addresses = vec![None; slices.len()];
            let fd = self.socket.as_raw_fd();
            match sendmmsg(fd, &mut headers, &slices, addresses, [], MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.failed(errno)),
                Ok(sent) => rest = rest.get(sent.count()..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Sends questions [`QUESTIONS`] times within `wait`, and returns what `answer` finds in the frames of
    /// others, each once, the fastest first.
    pub(super) fn ask<T: PartialEq>(
        &self,
        questions: &[Vec<u8>],
        wait: Duration,
        answer: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut owners = Vec::new();
        let mut collect = |until| {
            let collected = self.collect(until, &answer, &mut owners);
            collected.map_err(|errno| self.failed(errno))
        };
        for _ in 0..QUESTIONS {
            for some in questions.chunks(AT_ONCE) {
                self.send(some)?;
                // This host receives its own questions: thousands would fill the buffer.
                collect(Instant::now())?;
            }
            collect(Instant::now() + wait / QUESTIONS)?;
        }
        Ok(owners)
    }

    /// Receives until that time what is queued and what comes.
    fn collect<T: PartialEq>(
        &self,
        until: Instant,
        answer: impl Fn(&[u8]) -> Option<T>,
        owners: &mut Vec<T>,
    ) -> nix::Result<()> {
        let mut bytes = [[0; LONGEST]; AT_ONCE];
        loop {
            let mut rooms: Vec<_> = bytes
                .iter_mut()
                .map(|room| [IoSliceMut::new(room)])
                .collect();
            let mut headers = MultiHeaders::<LinkAddr>::preallocate(AT_ONCE, None);
            let (fd, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            match recvmmsg(fd, &mut headers, rooms.iter_mut(), flags, None) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno),
                Ok(frames) => {
                    let others = frames.filter(|frame| {
                        let from = frame.address.as_ref();
                        from.is_none_or(|from| from.pkttype() != PACKET_OUTGOING)
                    });
                    for frame in others {
                        let owner = frame.iovs().next().and_then(&answer);
                        owners.extend(owner.filter(|owner| !owners.contains(owner)));
                    }
                }
            }
            if !waits(&self.socket, until)? {
                return Ok(());
            }
        }
    }

    fn failed(&self, errno: Errno) -> Error {
        refused(self.operation.clone(), self.interface, errno)
    }
}

/// Returns the number and the hardware address of an interface, in the form that `bind` takes.
fn link_address(operation: &Operation, interface: &IfName) -> Result<LinkAddr> {
    let link = getifaddrs()
        .map_err(|errno| Error::io(operation.clone(), errno.into()))?
        .filter(|entry| entry.interface_name == interface.as_str())
        .find_map(|entry| entry.address?.as_link_addr().copied());
    let Some(link) = link else {
        return Err(
            Error::kernel(operation.clone(), ENODEV, None).with_hint(format!(
                "there is no interface {interface} in this network namespace"
            )),
        );
    };
    if link.hatype() != ARPHRD_ETHER {
        let problem =
            format!("{interface} is not an Ethernet interface and has no hardware addresses");
        return Err(Error::invalid(operation.clone(), problem));
    }
    Ok(link)
}

/// Waits until there is something to receive; returns whether it is not yet that time.
pub(super) fn waits(socket: &OwnedFd, until: Instant) -> nix::Result<bool> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Ok(false);
    }
    // Rounded up to whole milliseconds.
    let left = PollTimeout::try_from(left + Duration::from_micros(999));
    let mut socket = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match poll(&mut socket, left.unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => Ok(true),
        Err(errno) => Err(errno),
    }
}

fn refused(operation: Operation, interface: &IfName, errno: Errno) -> Error {
    let error = Error::io(operation, io::Error::from(errno));
    match errno as i32 {
        EPERM => error.with_hint("packet sockets need CAP_NET_RAW; run it as root"),
        ENETDOWN => error.with_hint(format!("set interface {interface} up first")),
        _ => error,
    }
}
