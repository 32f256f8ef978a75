//! Which hosts answer ARP for an IPv4 address: the question that shows whether direct routing works.
//!
//! In a sound cluster one host answers for the virtual IP, the director. Where real servers answer too, the
//! fastest of them gets a client's traffic, past the director.

mod frame;

use std::net::Ipv4Addr;
use std::time::Duration;

pub use frame::{Frame, FrameOperation};

use super::MacAddress;
use super::packet_socket::PacketSocket;
use crate::error::{Operation, Result};
use crate::name::IfName;

/// Asks on an interface who has `ip`, and returns the hardware addresses that answer within `wait`, each
/// once, the fastest first.
///
/// The question has the sender address 0.0.0.0, so no neighbour's table changes. This host does not receive
/// its own question: an address of its own is not among the answers. It asks in the calling thread's network
/// namespace and needs `CAP_NET_RAW`.
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
/// No such interface ([`Error::is_not_found`](crate::Error::is_not_found)), one that is not Ethernet
/// ([`Error::is_invalid`](crate::Error::is_invalid)), one that is down, or no privilege.
pub fn probe(interface: &IfName, ip: Ipv4Addr, wait: Duration) -> Result<Vec<MacAddress>> {
    let operation = Operation::new("ask by ARP who has", format!("{ip} on {interface}"));
    let socket = PacketSocket::open(operation, interface)?;
    let question = Frame::probe(socket.mac(), ip).to_bytes();
    socket.ask(&[question], wait, |bytes| {
        let (_, mac) = answer(bytes).filter(|(found, _)| *found == ip)?;
        Some(mac)
    })
}

/// Returns the address that a frame answers for, and the hardware address that it names as the owner; padding may
/// follow the message.
pub(super) fn answer(bytes: &[u8]) -> Option<(Ipv4Addr, MacAddress)> {
    let frame = bytes.get(..Frame::LENGTH).and_then(Frame::parse)?;
    let is_answer = frame.answers(frame.sender_ip);
    is_answer.then_some((frame.sender_ip, frame.sender))
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
    fn loopback_has_no_arp() {
        let error = probe(&IfName::LO, Ipv4Addr::LOCALHOST, Duration::ZERO).unwrap_err();
        assert!(error.is_invalid(), "{error}");
    }
}
