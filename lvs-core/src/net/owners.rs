//! Asking a link at once which hosts have any of several addresses.

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
    socket.ask(&questions, wait, |bytes| {
        ips.iter()
            .find_map(|ip| owner(bytes, *ip).map(|mac| (*ip, mac)))
    })
}

fn owner(bytes: &[u8], ip: IpAddr) -> Option<MacAddress> {
    match ip {
        IpAddr::V4(ip) => arp::owner(bytes, ip),
        IpAddr::V6(ip) => ndp::advertised(bytes, ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_names_the_owner_of_its_family() {
        let mac = MacAddress([2, 0, 0, 0, 0, 9]);
        let frame = ndp::advertisement(mac, "2001:db8::1".parse().unwrap(), false);
        assert_eq!(owner(&frame, "2001:db8::1".parse().unwrap()), Some(mac));
        assert_eq!(owner(&frame, "2001:db8::2".parse().unwrap()), None);
        assert_eq!(owner(&frame, [172, 16, 5, 11].into()), None);
    }

    #[test]
    fn an_unknown_interface_is_not_found() {
        let error = owners(&"no-such-one".parse().unwrap(), &[], Duration::ZERO).unwrap_err();
        assert!(error.is_not_found());
    }
}
