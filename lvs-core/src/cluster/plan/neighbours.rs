//! Destinations that become directly routed while connections of their former forwarding method live on: the method
//! changes, is restored, or the destination was deleted and comes back.
//!
//! The kernel keeps one way to a destination for all of its connections. A packet of masquerading or a tunnel
//! makes it one without a next hop, and directly routed packets then ask by ARP for the virtual IP itself. A route
//! with the real server as its own gateway has the right next hop for every method.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use super::Planner;
use super::draft::Draft;
use super::routes::Choice;
use crate::cluster::change::{Change, Object, Step};
use crate::cluster::{DesiredService, DesiredState, Observed};
use crate::ipvs::{DestinationId, Forwarding};
use crate::name::IfName;
use crate::net::{Address, Route, RouteId};

const WHY: &str = "older connections live on, and their packets must not divert new ones";

impl Planner<'_> {
    /// The routes to destinations that become directly routed.
    pub(super) fn neighbour_routes(&self, seen: &Observed) -> Vec<Step> {
        self.newly_routed(seen)
            .into_iter()
            .filter_map(|ip| neighbour_route(ip, self.interface_facing(ip, seen)?, seen))
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
        let routed: BTreeSet<_> = self
            .changed_destinations(seen)
            .iter()
            .filter_map(|step| step.change.newly_routed())
            .chain(revived.filter_map(|step| step.change.directly_routed()))
            .collect();
        if routed.is_empty() {
            return routed;
        }
        routed
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

/// Returns the step that makes a route to a neighbour with itself as the gateway, if there is none.
fn neighbour_route(ip: IpAddr, interface: IfName, seen: &Observed) -> Option<Step> {
    let route = Route {
        interface: Some(interface),
        gateway: Some(ip),
        on_link: true,
        protocol: Address::PROTOCOL,
        ..Route::to(RouteId::new(ip.into()))
    };
    Choice::of(&route, seen.route(&route.id)).step(WHY)
}

impl Draft<'_> {
    /// Returns a note if destinations are directly routed no longer: a packet of another method takes the next hop from
    /// the packets of connections that were made before.
    pub(super) fn unrouted_note(&self) -> Option<String> {
        let ips: BTreeSet<_> = self
            .steps()
            .filter_map(|step| step.change.unrouted())
            .collect();
        let (first, more) = (ips.first()?, ips.len() - 1);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "the method changes: established connections to {first}{more} may end as soon as clients come by the new \
             one; drain before where they matter"
        ))
    }
}

impl Observed {
    /// Returns the routes to destinations that become directly routed again by steps that restore them.
    pub(super) fn restored_neighbours<'a>(
        &self,
        steps: impl IntoIterator<Item = &'a Step>,
    ) -> Vec<Step> {
        steps
            .into_iter()
            .filter_map(|step| step.change.newly_routed())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|ip| !ip.is_loopback() && !self.has_address(*ip))
            .filter_map(|ip| neighbour_route(ip, self.interface_towards(ip)?, self))
            .collect()
    }

    fn has_address(&self, ip: IpAddr) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|address| address.id.network.addr() == ip)
    }

    /// Returns the routes to neighbours that an earlier change has left, and that no directly routed destination needs.
    pub(super) fn idle_neighbour_routes(&self) -> impl Iterator<Item = &Route> {
        let neighbours: Vec<_> = self
            .routes
            .iter()
            .filter(|route| route.is_neighbour_route())
            .collect();
        // There may be millions of destinations, and hardly ever such a route.
        let services = match neighbours.is_empty() {
            true => &[],
            false => self.services(),
        };
        let routed: HashSet<_> = services
            .iter()
            .flat_map(|found| &found.destinations)
            .filter(|destination| destination.forwarding == Forwarding::DirectRouting)
            .map(|destination| destination.id.address)
            .collect();
        neighbours
            .into_iter()
            .filter(move |route| !routed.contains(&route.id.destination.addr()))
    }
}

impl Route {
    /// Returns whether it is a route of ours to a neighbour with itself as the gateway.
    pub(in crate::cluster) fn is_neighbour_route(&self) -> bool {
        let to = self.id.destination;
        self.protocol == Address::PROTOCOL && self.gateway == Some(to.addr())
    }
}

impl Object {
    /// Returns whether it is a destination that is not directly routed.
    fn is_routed_otherwise(&self) -> bool {
        matches!(self, Self::Destination(bound)
            if bound.destination.forwarding != Forwarding::DirectRouting)
    }

    /// Returns the address of a destination that is directly routed.
    fn directly_routed(&self) -> Option<IpAddr> {
        match self {
            Self::Destination(bound)
                if bound.destination.forwarding == Forwarding::DirectRouting =>
            {
                Some(bound.destination.id.address)
            }
            _ => None,
        }
    }
}

impl Change<Object> {
    /// Returns the address to which a destination is routed directly from this change on.
    fn newly_routed(&self) -> Option<IpAddr> {
        match self {
            Self::Edit(edit) if edit.before.is_routed_otherwise() => self.directly_routed(),
            _ => None,
        }
    }

    /// Returns the address to which a destination is routed directly until this change.
    fn unrouted(&self) -> Option<IpAddr> {
        match self {
            Self::Edit(edit) if edit.after.is_routed_otherwise() => edit.before.directly_routed(),
            _ => None,
        }
    }

    /// Returns the address to which a destination of this change is routed directly.
    fn directly_routed(&self) -> Option<IpAddr> {
        self.after()?.directly_routed()
    }
}

impl DesiredService {
    /// Returns the destinations that are routed directly.
    pub(in crate::cluster) fn routed_directly(&self) -> impl Iterator<Item = DestinationId> {
        self.destinations
            .iter()
            .filter(|desired| desired.value.forwarding == Forwarding::DirectRouting)
            .map(|desired| desired.value.id)
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
        route.gateway == Some(ip) && destinations.any(|id| id.address == ip)
    }
}
