//! Who answers for an IPv4 address on a network: the question that shows whether direct routing works.
//!
//! In a sound cluster one machine answers for the virtual IP, the director. Where real servers answer
//! too, whoever is fastest gets a client's traffic, past the director.

mod frame;

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc::{ARPHRD_ETHER, ENETDOWN, ENODEV, EPERM, PACKET_OUTGOING};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

pub use frame::{Frame, Operation as FrameOperation};

use super::MacAddress;
use crate::error::{Error, Operation, Result};
use crate::name::IfName;

/// How often the question is put: one frame may be lost (RFC 5227 asks three times too).
pub(super) const QUESTIONS: u32 = 3;
/// No answer that is looked for is longer; what is, is cut off.
const LONGEST: usize = 128;
/// The socket hears all traffic of the interface, so its buffer must outlast a burst.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Asks on an interface who has `ip`, and returns the hardware address of everybody who answers within
/// `wait`, each once, the fastest first.
///
/// It asks as nobody (sender 0.0.0.0), so no neighbour's table changes. This host does not hear its own
/// question: that it has the address itself is not among the answers. In the calling thread's network
/// namespace; needs `CAP_NET_RAW`.
///
/// ```no_run
/// use std::time::Duration;
/// use lvs_core::net::arp;
/// let owners = arp::probe(&"eth0".parse()?, [172, 16, 5, 11].into(), Duration::from_secs(1))?;
/// assert_eq!(owners.len(), 1, "more than the director answers for the VIP: {owners:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// No such interface ([`Error::is_not_found`]), one that is not Ethernet ([`Error::is_invalid`]), one
/// that is down, or no privilege.
pub fn probe(interface: &IfName, ip: Ipv4Addr, wait: Duration) -> Result<Vec<MacAddress>> {
    let operation = Operation::new("ask by ARP who has", format!("{ip} on {interface}"));
    let link = link_address(&operation, interface)?;
    let mac = link.addr().map(MacAddress).unwrap_or(MacAddress([0; 6]));
    let failed = |errno| refused(operation.clone(), errno, interface);
    let socket = open(&link).map_err(failed)?;
    let question = Frame::probe(mac, ip).to_bytes();
    let mut owners = Vec::new();
    for _ in 0..QUESTIONS {
        ask(&socket, &question).map_err(failed)?;
        let until = Instant::now() + wait / QUESTIONS;
        let answer = |bytes: &[u8]| {
            // Behind it is padding.
            let frame = bytes.get(..Frame::LENGTH).and_then(Frame::parse)?;
            frame.answers(ip).then_some(frame.sender)
        };
        listen(&socket, until, answer, &mut owners).map_err(failed)?;
    }
    Ok(owners)
}

/// The interface's number and hardware address in the form that sockets are bound with.
pub(super) fn link_address(operation: &Operation, interface: &IfName) -> Result<LinkAddr> {
    let failed = |errno: Errno| Error::io(operation.clone(), errno.into());
    let link = getifaddrs()
        .map_err(failed)?
        .filter(|entry| entry.interface_name == interface.as_str())
        .find_map(|entry| entry.address?.as_link_addr().copied());
    let Some(link) = link else {
        return Err(
            Error::kernel(operation.clone(), ENODEV, None).advise(format!(
                "there is no interface {interface} in this network namespace"
            )),
        );
    };
    if link.hatype() != ARPHRD_ETHER {
        let problem = format!(
            "{interface} is not an Ethernet interface, nobody there goes by hardware addresses"
        );
        return Err(Error::invalid(operation.clone(), problem));
    }
    Ok(link)
}

/// A socket for whole frames of one interface.
///
/// It must be opened for all protocols, for nix knows none of ARP; the address from the kernel's list
/// of interfaces has protocol 0, with which `bind` leaves that as it is.
pub(super) fn open(link: &LinkAddr) -> nix::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )?;
    // Only a privilege beyond CAP_NET_RAW grants it; the questions are repeated, so go on without.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
    bound(socket, link)
}

pub(super) fn bound(socket: OwnedFd, link: &LinkAddr) -> nix::Result<OwnedFd> {
    bind(socket.as_raw_fd(), link)?;
    Ok(socket)
}

pub(super) fn ask(socket: &OwnedFd, frame: &[u8]) -> nix::Result<()> {
    loop {
        match send(socket.as_raw_fd(), frame, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}

/// Collects the hardware addresses that `answer` finds in frames of others, each once.
pub(super) fn listen(
    socket: &OwnedFd,
    until: Instant,
    answer: impl Fn(&[u8]) -> Option<MacAddress>,
    owners: &mut Vec<MacAddress>,
) -> nix::Result<()> {
    let mut bytes = [0; LONGEST];
    while let Some(left) = time_left(until) {
        setsockopt(socket, sockopt::ReceiveTimeout, &left)?;
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut bytes) {
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

/// `None` when it is over: to the kernel a timeout of zero is none at all.
fn time_left(until: Instant) -> Option<TimeVal> {
    let left = until.checked_duration_since(Instant::now())?;
    let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
    let micros = left.subsec_micros();
    (!left.is_zero()).then(|| TimeVal::new(seconds, micros.max(1).into()))
}

pub(super) fn refused(operation: Operation, errno: Errno, interface: &IfName) -> Error {
    let error = Error::io(operation, io::Error::from(errno));
    match errno as i32 {
        EPERM => error.advise("packet sockets need CAP_NET_RAW; run it as root"),
        ENETDOWN => error.advise(format!("set interface {interface} up first")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_interface_is_not_found() {
        let name = "no-such-one".parse().unwrap();
        let error = probe(&name, Ipv4Addr::LOCALHOST, Duration::ZERO).unwrap_err();
        assert!(error.is_not_found());
        assert!(
            error.to_string().contains("127.0.0.1 on no-such-one"),
            "{error}"
        );
    }

    #[test]
    fn loopback_speaks_no_arp() {
        let error = probe(&IfName::LO, Ipv4Addr::LOCALHOST, Duration::ZERO).unwrap_err();
        assert!(error.is_invalid(), "{error}");
    }

    #[test]
    fn time_runs_out_and_is_never_zero() {
        let now = Instant::now();
        assert!(time_left(now).is_none());
        let left = time_left(now + Duration::from_secs(9)).unwrap();
        assert!(left.tv_sec() >= 7);
    }
}
