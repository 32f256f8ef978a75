//! Who serves what: the destinations of a node, and real IPs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::cluster::Cluster;
use super::fwmark::Match;
use super::index::DestinationsIndex;
use super::name::NodeName;
use super::virtual_service::{VirtualDestination, VirtualService};
use crate::ipvs::{Family, Forwarding, ServiceId, Weight};

/// Services that share their destinations, at the same addresses: those of the services' family.
pub(in crate::cluster) struct ServedAlike<'a> {
    /// Any of them.
    pub(in crate::cluster) one: &'a VirtualService,
    /// All, in the order of the file.
    pub(in crate::cluster) services: Vec<&'a VirtualService>,
}

impl Cluster {
    /// Returns the address by which the director reaches a destination of a service (RIP).
    ///
    /// It is the first address of the service's family that the destination's node has. Only a tunnel may use
    /// an address of the other family, where the node has no other. A node that has neither has none.
    #[doc(alias = "RIP")]
    #[must_use]
    pub fn real_ip(
        &self,
        service: &VirtualService,
        destination: &VirtualDestination,
    ) -> Option<IpAddr> {
        let address = |family| match self.real_server(&destination.real_server) {
            Some(server) => server.real_ip(family),
            None => self.local_ip(&destination.real_server, family),
        };
        let family = service.service.id.family();
        let is_tunnelled = destination.forwarding.is_tunnel();
        address(family).or_else(|| is_tunnelled.then(|| address(family.other())).flatten())
    }

    /// Returns the address of a director that serves its own service, or the other director's.
    ///
    /// It is an address of its own rather than a virtual one, where it has any. One of two directors must
    /// have one, because it is a real server of the other director too.
    fn local_ip(&self, name: &NodeName, family: Family) -> Option<IpAddr> {
        let director = self.director(name.as_str())?;
        let vips = self.virtual_ips();
        let of_family = || {
            director
                .addresses
                .iter()
                .filter(|address| Family::from(address.id.network.addr()) == family)
        };
        of_family()
            .find(|address| {
                !vips.contains(&address.id.network.addr()) && !director.is_floating(address)
            })
            .or_else(|| of_family().next().filter(|_| !self.is_paired()))
            .map(|address| address.id.network.addr())
    }

    /// Returns the destinations that name a node, each with its service, in the order of the file.
    pub(crate) fn served_by<'a>(
        &'a self,
        name: &'a NodeName,
    ) -> impl Iterator<Item = (&'a VirtualService, &'a VirtualDestination)> {
        let lists = self.lists_with(name);
        let places =
            lists.flat_map(|(list, at)| list.services.iter().map(move |place| (*place, at)));
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.into_iter().filter_map(|(place, at)| {
            let service = self.services.get(place)?;
            Some((service, service.destinations.get(at)?))
        })
    }

    /// Returns the lists of destinations that name a node, with the place in each.
    fn lists_with(&self, name: &NodeName) -> impl Iterator<Item = (&DestinationsIndex, usize)> {
        let places = self.index.destinations.get(name).into_iter().flatten();
        places.filter_map(|(list, at)| Some((self.index.lists.get(*list)?, *at)))
    }

    /// Returns all services by their destinations.
    pub(in crate::cluster) fn served_alike(&self) -> Vec<ServedAlike<'_>> {
        let of_list = |list: &DestinationsIndex| {
            let of = |family: &Family| {
                let services = list.services.iter().filter_map(|at| self.services.get(*at));
                let services = services.filter(|service| service.service.id.family() == *family);
                let services: Vec<_> = services.collect();
                let one = *services.first()?;
                Some(ServedAlike { one, services })
            };
            list.families.iter().filter_map(of).collect::<Vec<_>>()
        };
        self.index.lists.iter().flat_map(of_list).collect()
    }

    /// Returns the services that clients reach by exactly this socket, each with its place in the file.
    pub(crate) fn services_at(
        &self,
        socket: Match,
    ) -> impl Iterator<Item = (usize, &VirtualService)> {
        self.index
            .receivers
            .get(&socket)
            .into_iter()
            .flatten()
            .filter_map(|place| Some((*place, self.services.get(*place)?)))
    }

    /// Returns the service of this identity.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&VirtualService> {
        let is_it = |service: &&VirtualService| service.service.id == *id;
        match *id {
            ServiceId::Socket { protocol, address } => {
                let services = self.services_at(Match { protocol, address });
                services.map(|(_, service)| service).find(is_it)
            }
            ServiceId::Fwmark { .. } => self.services.iter().find(is_it),
        }
    }

    /// Returns the families of the services that reach a node by certain forwarding methods.
    pub(crate) fn families_served_by(
        &self,
        name: &NodeName,
        is_wanted: fn(Forwarding) -> bool,
    ) -> BTreeSet<Family> {
        let is_wanted = |(list, at): &(&DestinationsIndex, usize)| {
            let first = list.services.first().and_then(|at| self.services.get(*at));
            let destination = first.and_then(|service| service.destinations.get(*at));
            destination.is_some_and(|destination| is_wanted(destination.forwarding))
        };
        self.lists_with(name)
            .filter(is_wanted)
            .flat_map(|(list, _)| list.families.iter().copied())
            .collect()
    }

    /// Returns the weight of a destination, whether or not its real server is drained.
    pub(crate) fn weight(&self, destination: &VirtualDestination) -> Weight {
        destination.weight.unwrap_or_else(|| {
            self.real_server(&destination.real_server)
                .map_or_else(Weight::default, |server| server.weight)
        })
    }

    /// Returns whether the file drains a destination's real server, so that its weight is 0.
    pub(crate) fn is_drained(&self, destination: &VirtualDestination) -> bool {
        self.real_server(&destination.real_server)
            .is_some_and(|server| server.drain)
    }
}
