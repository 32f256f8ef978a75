//! Telling everybody on a network where addresses are now.
//!
//! Neighbours remember hardware addresses, and use one that has become wrong for half a minute and
//! longer before they ask again. Who takes over an address says so, unasked. The kernel does not do it
//! when an address is added, `arp_notify` or not.

use std::net::IpAddr;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::arp::{Frame, ask, bound, link_address, refused};
use super::{MacAddress, ndp};
use crate::error::{Operation, Result};
use crate::name::IfName;

/// Says once on an interface that `ips` are at its hardware address: gratuitous ARP for IPv4, unsolicited
/// neighbour advertisements for IPv6. `is_router` says whether this host routes IPv6, for neighbours
/// remember that too.
///
/// A frame may be lost, so say it several times. In the calling thread's network namespace; needs
/// `CAP_NET_RAW`.
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
    let said: Vec<_> = ips.iter().map(ToString::to_string).collect();
    let operation = Operation::new("announce", format!("{} on {interface}", said.join(" ")));
    let link = link_address(&operation, interface)?;
    let mac = link.addr().map(MacAddress).unwrap_or(MacAddress([0; 6]));
    let failed = |errno| refused(operation.clone(), errno, interface);
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    );
    let socket = socket
        .and_then(|socket| bound(socket, &link))
        .map_err(failed)?;
    for ip in ips {
        let frame = match ip {
            IpAddr::V4(ip) => Frame::announcement(mac, *ip).to_bytes(),
            IpAddr::V6(ip) => ndp::advertisement(mac, *ip, is_router),
        };
        ask(&socket, &frame).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_is_named() {
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
