//! Addresses and routes in the kernel's full form: label, broadcast, scope, protocol.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::cluster::model::Gateway;
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::{Address, AddressId, Route, RouteId, Scope};

/// Returns an address of the file with its defaults filled in. A virtual IP of IPv6 is deprecated: no packet of
/// the node's own gets it as its source address.
pub(super) fn own(address: &Address, is_virtual: bool) -> Address {
    Address {
        broadcast: address
            .broadcast
            .or_else(|| default_broadcast(&address.id.network, is_virtual)),
        protocol: Address::PROTOCOL,
        preferred: (is_virtual && address.id.network.addr().is_ipv6()).then_some(0),
        ..address.clone()
    }
}

/// Returns the subnet's broadcast for /30 and wider, none for /31, and for a virtual IP of its own (/32) the
/// address itself, as the recipe of direct routing has always had it.
fn default_broadcast(network: &IpNet, is_virtual: bool) -> Option<Ipv4Addr> {
    match network {
        IpNet::V4(network) if network.prefix_len() <= 30 => Some(network.broadcast()),
        IpNet::V4(network) if network.prefix_len() == 32 && is_virtual => Some(network.addr()),
        _ => None,
    }
}

/// Returns the address of a virtual IP on a real server, on an interface for which ARP can be suppressed.
pub(super) fn virtual_on(interface: IfName, vip: IpAddr) -> Address {
    let address = Address {
        protocol: Address::PROTOCOL,
        ..Address::new(interface, IpNet::from(vip))
    };
    match vip {
        IpAddr::V4(v4) => Address {
            broadcast: Some(v4),
            ..address
        },
        IpAddr::V6(_) => Address {
            no_dad: true,
            preferred: Some(0),
            ..address
        },
    }
}

/// Returns the host route to a virtual IP through the interface that carries it.
pub(super) fn host_route(vip: IpAddr, interface: IfName) -> Route {
    Route {
        interface: Some(interface),
        // IPv6 routes have no scope.
        scope: if vip.is_ipv4() {
            Scope::LINK
        } else {
            Scope::GLOBAL
        },
        protocol: Address::PROTOCOL,
        ..Route::to(RouteId::new(IpNet::from(vip)))
    }
}

/// Returns the default route of a family through a gateway, which for IPv4 may be an IPv6 address.
pub(super) fn default_route_of(family: Family, gateway: &Gateway) -> Route {
    let everywhere = match family {
        Family::Ipv4 => IpNet::V4(ipnet::Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(ipnet::Ipv6Net::default()),
    };
    Route {
        interface: gateway.interface().cloned(),
        on_link: gateway.is_on_link(),
        gateway: gateway.address(),
        scope: match gateway.address() {
            None if family == Family::Ipv4 => Scope::LINK,
            _ => Scope::GLOBAL,
        },
        protocol: Address::PROTOCOL,
        ..Route::to(RouteId::new(everywhere))
    }
}

/// Returns whether a gateway is reached by an address of the node.
pub(super) fn is_beside(id: &AddressId, gateway: &Gateway) -> bool {
    let is_on_it = gateway.interface().is_none_or(|name| *name == id.interface);
    let is_any = gateway.is_on_link() && gateway.is_of(id.network.addr().into());
    let is_near = |ip: IpAddr| is_any || id.network.contains(&ip);
    is_on_it && gateway.address().is_none_or(is_near)
}
