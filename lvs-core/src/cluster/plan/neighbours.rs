//! Destinations that become directly routed while connections of their former forwarding method live on: the method
//! changes, or the destination was deleted and comes back.
//!
//! The kernel keeps one way to a destination for all of its connections. A packet of masquerading or a tunnel
//! makes it one without a next hop, and directly routed packets then ask by ARP for the virtual IP itself. A route
//! with the real server as its own gateway has the right next hop for every method.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Planner;
use super::routes::Choice;
use crate::cluster::change::{Change, Object, Step};
use crate::cluster::{DesiredService, DesiredState, Observed};
use crate::ipvs::{DestinationId, Forwarding, ServiceId};
use crate::name::IfName;
use crate::net::{Address, Route, RouteId};

const WHY: &str = "older connections live on, and their packets must not divert new ones";

impl Planner<'_> {
    /// The routes to destinations that become directly routed.
    pub(super) fn neighbour_routes(&self, seen: &Observed) -> Vec<Step> {
        self.newly_routed(seen)
            .into_iter()
            .filter_map(|ip| {
                let route = Route {
                    interface: Some(self.interface_facing(ip, seen)?),
                    gateway: Some(ip),
                    on_link: true,
                    protocol: Address::PROTOCOL,
                    ..Route::to(RouteId::new(ip.into()))
                };
                Choice::of(&route, seen.route(&route.id)).step(WHY)
            })
            .collect()
    }

    /// Of two interfaces on a network it is the one that the file names: the other one may lose its address.
    fn interface_facing(&self, ip: IpAddr, seen: &Observed) -> Option<IfName> {
        let named = self.node.addresses.iter().map(|desired| &desired.value.id);
        let nearest = named
            .filter(|id| id.network.contains(&ip))
            .max_by_key(|id| id.network.prefix_len());
        let named = nearest.map(|id| id.interface.clone());
        named.or_else(|| seen.interface_towards(ip))
    }

    fn newly_routed(&self, seen: &Observed) -> BTreeSet<IpAddr> {
        if self
            .node
            .services
            .iter()
            .all(|service| service.routed_directly().next().is_none())
        {
            return BTreeSet::new();
        }
        let added = match seen.lingering.is_empty() {
            true => Vec::new(),
            false => self.added_destinations(seen),
        };
        let revived = added.iter().filter(|step| {
            let to = step.change.directly_routed();
            to.is_some_and(|ip| seen.lingering.contains(&ip))
        });
        self.changed_destinations(seen)
            .iter()
            .filter(|step| match &step.change {
                Change::Edit(Object::Destination(before), _) => {
                    before.destination.forwarding != Forwarding::DirectRouting
                }
                _ => false,
            })
            .chain(revived)
            .filter_map(|step| step.change.directly_routed())
            .collect::<BTreeSet<_>>()
            .difference(&self.local_ips(seen))
            .filter(|ip| !ip.is_loopback())
            .copied()
            .collect()
    }

    /// Returns the addresses of the node itself: the kernel refuses a route by one of them as a gateway.
    fn local_ips(&self, seen: &Observed) -> BTreeSet<IpAddr> {
        let named = self.node.addresses.iter().map(|desired| &desired.value);
        named
            .chain(&seen.addresses)
            .map(|address| address.id.network.addr())
            .chain(self.node.virtual_ips.iter().copied())
            .collect()
    }
}

impl Change<Object> {
    /// Returns the address to which a destination of this change is routed directly.
    fn directly_routed(&self) -> Option<IpAddr> {
        match self.after()? {
            Object::Destination(bound)
                if bound.destination.forwarding == Forwarding::DirectRouting =>
            {
                Some(bound.destination.id.address)
            }
            _ => None,
        }
    }
}

impl DesiredService {
    /// Returns the destinations that are routed directly.
    pub(in crate::cluster) fn routed_directly(
        &self,
    ) -> impl Iterator<Item = (ServiceId, DestinationId)> {
        self.destinations
            .iter()
            .filter(|desired| desired.value.forwarding == Forwarding::DirectRouting)
            .map(|desired| (self.service.id, desired.value.id))
    }
}

impl DesiredState {
    /// Returns whether a route leads to a directly routed destination with itself as the gateway.
    pub(crate) fn is_neighbour_route(&self, route: &Route) -> bool {
        let ip = route.id.destination.addr();
        let mut destinations = self
            .services
            .iter()
            .flat_map(DesiredService::routed_directly);
        route.gateway == Some(ip) && destinations.any(|(_, id)| id.address == ip)
    }
}
