//! How addresses and routes are spelled out for the kernel: label, broadcast, scope, protocol.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::name::IfName;
use crate::net::{Address, Route, RouteId, Scope};

/// An address of the file with its defaults spelled out.
pub(super) fn own(address: &Address, is_virtual: bool) -> Address {
    Address {
        broadcast: address
            .broadcast
            .or_else(|| default_broadcast(&address.id.network, is_virtual)),
        protocol: Address::PROTOCOL,
        ..address.clone()
    }
}

/// The subnet's for /30 and wider, none for /31, and the address itself for a virtual IP of its own
/// (/32), which is what the recipe of direct routing has always had.
fn default_broadcast(network: &IpNet, is_virtual: bool) -> Option<Ipv4Addr> {
    match network {
        IpNet::V4(network) if network.prefix_len() <= 30 => Some(network.broadcast()),
        IpNet::V4(network) if network.prefix_len() == 32 && is_virtual => Some(network.addr()),
        _ => None,
    }
}

/// A virtual IP on a real server: on lo, where ARP can be kept quiet about it.
///
/// `place` is its place among the cluster's IPv4 virtual IPs, from 0.
pub(super) fn virtual_on_lo(vip: IpAddr, place: usize) -> Address {
    let address = Address {
        protocol: Address::PROTOCOL,
        ..Address::new(IfName::LO, IpNet::from(vip))
    };
    match vip {
        IpAddr::V4(v4) => Address {
            label: Some(format!("lo:{place}")),
            broadcast: Some(v4),
            ..address
        },
        IpAddr::V6(_) => Address {
            no_dad: true,
            ..address
        },
    }
}

/// The host route to a virtual IP by lo.
pub(super) fn host_route(vip: IpAddr) -> Route {
    Route {
        id: RouteId {
            destination: IpNet::from(vip),
            metric: 0,
        },
        gateway: None,
        interface: Some(IfName::LO),
        source: None,
        // IPv6 routes have no scope.
        scope: if vip.is_ipv4() {
            Scope::LINK
        } else {
            Scope::GLOBAL
        },
        protocol: Address::PROTOCOL,
    }
}

/// The default route by a gateway.
pub(super) fn default_route(gateway: IpAddr) -> Route {
    let everywhere = match gateway {
        IpAddr::V4(_) => IpNet::V4(ipnet::Ipv4Net::default()),
        IpAddr::V6(_) => IpNet::V6(ipnet::Ipv6Net::default()),
    };
    let mut route = Route::via(everywhere, gateway);
    route.protocol = Address::PROTOCOL;
    route
}
