//! Asking a link at once which hosts have any of several addresses.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use super::arp::{self, Frame};
use super::packet_socket::PacketSocket;
use super::{MacAddress, ndp};
use crate::error::{Operation, Result};
use crate::name::IfName;

/// Asks on an interface which other hosts have any of `ips`, and returns each pair of address and hardware
/// address that answers within `wait`, once, the fastest first.
///
/// Each question is sent three times: ARP probes with the sender 0.0.0.0 (RFC 5227), and neighbour
/// solicitations with the source `::`, so that no neighbour's table changes. All addresses share the wait. It
/// asks in the calling thread's network namespace and needs `CAP_NET_RAW`.
///
/// ```no_run
/// use std::time::Duration;
/// use lvs_core::net;
/// let ips = [[172, 16, 5, 11].into(), "2001:db8::11".parse()?];
/// let found = net::owners(&"eth0".parse()?, &ips, Duration::from_millis(500))?;
/// assert!(found.is_empty(), "in use: {found:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`arp::probe`](super::arp::probe).
pub fn owners(
    interface: &IfName,
    ips: &[IpAddr],
    wait: Duration,
) -> Result<Vec<(IpAddr, MacAddress)>> {
    let addresses: Vec<_> = ips.iter().map(ToString::to_string).collect();
    let object = format!("{} on {interface}", addresses.join(" "));
    let socket = PacketSocket::open(Operation::new("ask who has", object), interface)?;
    let questions: Vec<_> = ips
        .iter()
        .map(|ip| match ip {
            IpAddr::V4(ip) => Frame::probe(socket.mac(), *ip).to_bytes(),
            IpAddr::V6(ip) => ndp::solicitation(socket.mac(), *ip),
        })
        .collect();
    let asked: HashSet<_> = ips.iter().collect();
    socket.ask(&questions, wait, |bytes| {
        owner(bytes).filter(|(ip, _)| asked.contains(ip))
    })
}

/// Returns the address that a frame answers for, and the hardware address that it names as the owner.
fn owner(bytes: &[u8]) -> Option<(IpAddr, MacAddress)> {
    let ipv6 = || ndp::answer(bytes).map(|(ip, mac)| (ip.into(), mac));
    match arp::answer(bytes) {
        Some((ip, mac)) => Some((ip.into(), mac)),
        None => ipv6(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::arp::FrameOperation;

    #[test]
    fn a_frame_names_the_owner_of_its_family() {
        let mac = MacAddress([2, 0, 0, 0, 0, 9]);
        let frame = ndp::advertisement(mac, "2001:db8::1".parse().unwrap(), false);
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(owner(&frame), Some((ip, mac)));
        let answer = Frame {
            operation: FrameOperation::Reply,
            ..Frame::announcement(mac, [172, 16, 5, 11].into())
        };
        let ip = IpAddr::from([172, 16, 5, 11]);
        assert_eq!(owner(&answer.to_bytes()), Some((ip, mac)));
        let question = Frame::announcement(mac, [172, 16, 5, 11].into());
        assert_eq!(owner(&question.to_bytes()), None);
    }

    #[test]
    fn an_unknown_interface_is_not_found() {
        let error = owners(&"no-such-one".parse().unwrap(), &[], Duration::ZERO).unwrap_err();
        assert!(error.is_not_found());
    }
}
