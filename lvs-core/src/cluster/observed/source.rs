//! The source address that the kernel gives the node's own IPv4 packets, and the ARP requests of forwarded ones.

use std::net::IpAddr;

use super::Observed;
use crate::name::IfName;
use crate::net::{Address, Route, RouteId};

impl Observed {
    /// Returns the address from which this node asks for another one, by the model of the kernel; `None` for an
    /// address of its own, one of IPv6, or one that it does not reach.
    ///
    /// It is the interface's first address on the neighbour's network, or else its first address: the order
    /// decides in which they were added.
    pub(in crate::cluster) fn source_towards(&self, ip: IpAddr) -> Option<&Address> {
        if ip.is_ipv6() || self.addresses.iter().any(|own| own.id.network.addr() == ip) {
            return None;
        }
        let (interface, neighbour) = self.way_to(ip)?;
        let carried = || {
            let on_it = |own: &&Address| own.id.interface == interface;
            let own = self.addresses.iter().filter(on_it);
            own.filter(|own| own.id.network.addr().is_ipv4())
        };
        let near = carried().find(|own| own.subnet().contains(&neighbour));
        near.or_else(|| carried().next())
    }

    /// Returns the interface and the neighbour by which a packet leaves.
    fn way_to(&self, ip: IpAddr) -> Option<(IfName, IpAddr)> {
        if let Some(interface) = self.interface_towards(ip) {
            return Some((interface, ip));
        }
        let route = self
            .routes
            .iter()
            .filter(|route| route.id.table == RouteId::MAIN && route.source.is_none())
            .filter(|route| route.id.destination.contains(&ip))
            .min_by_key(|route| (u8::MAX - route.id.destination.prefix_len(), route.id.metric))?;
        let neighbour = route.gateway.unwrap_or(ip);
        let interface = self.interface_of(route, neighbour)?;
        Some((interface, neighbour))
    }

    fn interface_of(&self, route: &Route, neighbour: IpAddr) -> Option<IfName> {
        let named = route.interface.clone();
        named.or_else(|| self.interface_towards(neighbour))
    }
}
