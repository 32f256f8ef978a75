//! A packet socket: whole Ethernet frames of one interface, sent and received.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc::{ARPHRD_ETHER, ENETDOWN, ENODEV, EPERM, PACKET_OUTGOING};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::MacAddress;
use crate::error::{Error, Operation, Result};
use crate::name::IfName;

/// How often a question is sent: one frame may be lost (RFC 5227 asks three times too).
const QUESTIONS: u32 = 3;
/// No answer that is looked for is longer; longer frames are cut off.
const LONGEST: usize = 128;
/// The socket receives all traffic of the interface, so its buffer must outlast a burst.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The longest wait of a single receive, which a `timeval` of 32 bits can hold.
const LONGEST_RECEIVE: Duration = Duration::from_secs(3600);

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

    /// Sends one frame.
    pub(super) fn send(&self, frame: &[u8]) -> Result<()> {
        loop {
            match send(self.socket.as_raw_fd(), frame, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                other => return other.map(drop).map_err(|errno| self.failed(errno)),
            }
        }
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
        for _ in 0..QUESTIONS {
            for question in questions {
                self.send(question)?;
            }
            let until = Instant::now() + wait / QUESTIONS;
            self.collect(until, &answer, &mut owners)
                .map_err(|errno| self.failed(errno))?;
        }
        Ok(owners)
    }

    fn collect<T: PartialEq>(
        &self,
        until: Instant,
        answer: impl Fn(&[u8]) -> Option<T>,
        owners: &mut Vec<T>,
    ) -> nix::Result<()> {
        let mut bytes = [0; LONGEST];
        while let Some(timeout) = timeout_until(until) {
            setsockopt(&self.socket, sockopt::ReceiveTimeout, &timeout)?;
            let received = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut bytes);
            let (length, from) = match received {
                Err(Errno::EINTR | Errno::EAGAIN) => continue,
                other => other?,
            };
            if from.is_some_and(|from| from.pkttype() == PACKET_OUTGOING) {
                continue;
            }
            let owner = bytes.get(..length).and_then(&answer);
            owners.extend(owner.filter(|owner| !owners.contains(owner)));
        }
        Ok(())
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

/// Returns the time left as a receive timeout, or `None` when it is over: to the kernel a timeout of zero
/// is none at all.
pub(super) fn timeout_until(until: Instant) -> Option<TimeVal> {
    let left = until.checked_duration_since(Instant::now())?;
    let micros = i64::try_from(left.min(LONGEST_RECEIVE).as_micros()).unwrap_or(i64::MAX);
    (!left.is_zero()).then(|| TimeVal::microseconds(micros.max(1)))
}

fn refused(operation: Operation, interface: &IfName, errno: Errno) -> Error {
    let error = Error::io(operation, io::Error::from(errno));
    match errno as i32 {
        EPERM => error.with_hint("packet sockets need CAP_NET_RAW; run it as root"),
        ENETDOWN => error.with_hint(format!("set interface {interface} up first")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_out_and_is_never_zero() {
        let now = Instant::now();
        assert!(timeout_until(now).is_none());
        let left = timeout_until(now + Duration::from_secs(9)).unwrap();
        assert!(left.tv_sec() >= 7);
        let long = timeout_until(now + Duration::from_secs(u64::from(u32::MAX))).unwrap();
        assert_eq!(long.num_seconds(), 3600, "32 bits hold it");
    }
}
