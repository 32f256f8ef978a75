//! Announcing where addresses are: gratuitous ARP and unsolicited neighbour advertisements.
//!
//! Neighbours cache hardware addresses, and use an outdated one for half a minute and longer before they
//! ask again. A node that takes over an address therefore announces it. The kernel does not do so when an
//! address is added, whether `arp_notify` is set or not.

use std::net::IpAddr;

use super::arp::Frame;
use super::ndp;
use super::packet_socket::PacketSocket;
use crate::error::{Operation, Result};
use crate::name::IfName;

/// Announces once on an interface that `ips` are at its hardware address: by gratuitous ARP for IPv4, by
/// unsolicited neighbour advertisements for IPv6.
///
/// `is_router` tells whether this host routes IPv6, because neighbours remember that too. A frame may be
/// lost, so repeat the call. It acts in the calling thread's network namespace and needs `CAP_NET_RAW`.
///
/// ```no_run
/// lvs_core::net::announce(&"eth0".parse()?, &[[172, 16, 5, 11].into()], false)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// No such interface ([`Error::is_not_found`](crate::Error::is_not_found)), one that is not Ethernet
/// ([`Error::is_invalid`](crate::Error::is_invalid)), one that is down, or no privilege.
pub fn announce(interface: &IfName, ips: &[IpAddr], is_router: bool) -> Result<()> {
    let addresses: Vec<_> = ips.iter().map(ToString::to_string).collect();
    let object = format!("{} on {interface}", addresses.join(" "));
    let socket = PacketSocket::open_for_sending(Operation::new("announce", object), interface)?;
    let frames: Vec<_> = ips
        .iter()
        .map(|ip| match ip {
            IpAddr::V4(ip) => Frame::announcement(socket.mac(), *ip).to_bytes(),
            IpAddr::V6(ip) => ndp::advertisement(socket.mac(), *ip, is_router),
        })
        .collect();
    socket.send(&frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_that_cannot_be_sent_names_its_object() {
        let ip = [IpAddr::from([172, 16, 5, 11])];
        let error = announce(&"no-such-one".parse().unwrap(), &ip, false).unwrap_err();
        assert!(error.is_not_found());
        assert!(
            error
                .to_string()
                .contains("announce 172.16.5.11 on no-such-one"),
            "{error}"
        );
        assert!(announce(&IfName::LO, &ip, false).unwrap_err().is_invalid());
    }
}
