//! Questions about a cluster that several rules ask.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Facts;
use crate::cluster::{Cluster, Director, NodeName, RealServer, VirtualDestination, VirtualService};
use crate::ipvs::{Family, Forwarding, Weight};
use crate::net::{Address, IpNet};

/// The facts, if they are of this machine.
pub(super) fn facts_of<'a>(facts: Option<&'a Facts>, node: &NodeName) -> Option<&'a Facts> {
    facts.filter(|facts| facts.node == *node)
}

/// The director that the facts are of; none where nothing was looked at.
pub(super) fn director_here<'a>(cluster: &'a Cluster, facts: &Facts) -> Option<&'a Director> {
    let directors = cluster.directors().iter();
    let mut directors = directors.filter(|_| was_looked_at(facts));
    directors.find(|it| it.name == facts.node)
}

/// The real server that the facts are of; none where nothing was looked at.
pub(super) fn server_here<'a>(cluster: &'a Cluster, facts: &Facts) -> Option<&'a RealServer> {
    server(cluster, &facts.node).filter(|_| was_looked_at(facts))
}

/// Every machine has at least lo.
const fn was_looked_at(facts: &Facts) -> bool {
    !facts.links.is_empty()
}

pub(super) fn server<'a>(cluster: &'a Cluster, name: &NodeName) -> Option<&'a RealServer> {
    let mut servers = cluster.real_servers().iter();
    servers.find(|server| server.name == *name)
}

/// The services a machine serves, each with how.
pub(super) fn served<'a>(
    cluster: &'a Cluster,
    name: &'a NodeName,
) -> impl Iterator<Item = (&'a VirtualService, &'a VirtualDestination)> {
    cluster.services().iter().flat_map(move |service| {
        let destinations = service.destinations.iter();
        destinations
            .filter(move |destination| destination.real_server == *name)
            .map(move |destination| (service, destination))
    })
}

/// The virtual IPs whose packets a real server receives unchanged.
pub(super) fn direct_vips(cluster: &Cluster, name: &NodeName) -> BTreeSet<IpAddr> {
    if server(cluster, name).is_none() {
        return BTreeSet::new();
    }
    served(cluster, name)
        .filter(|(_, destination)| destination.forwarding == Forwarding::DirectRouting)
        .filter_map(|(service, _)| service.vip())
        .collect()
}

/// The families in which a machine is reached by a method.
pub(super) fn families(cluster: &Cluster, name: &NodeName, method: Forwarding) -> BTreeSet<Family> {
    served(cluster, name)
        .filter(|(_, destination)| destination.forwarding == method)
        .map(|(service, _)| service.service.id.family())
        .collect()
}

/// The weight that counts, of a destination of the file.
pub(super) fn weight(cluster: &Cluster, destination: &VirtualDestination) -> Weight {
    match server(cluster, &destination.real_server) {
        Some(server) if server.drain => Weight::DRAIN,
        Some(server) => destination.weight.unwrap_or(server.weight),
        None => destination.weight.unwrap_or_default(),
    }
}

/// Whether a network is more than a single address.
pub(super) fn is_wide(network: &IpNet) -> bool {
    network.prefix_len() < network.max_prefix_len()
}

/// The addresses among these whose network, if it is more than one address, contains `ip`.
pub(super) fn around(addresses: &[Address], ip: IpAddr) -> impl Iterator<Item = &Address> {
    addresses
        .iter()
        .filter(move |address| is_wide(&address.id.network) && address.id.network.contains(&ip))
}

/// The director's addresses on a network of a real server.
pub(super) fn director_addresses_near(
    director: &Director,
    server: &RealServer,
    family: Family,
) -> Vec<IpAddr> {
    let addresses = director.addresses.iter();
    addresses
        .map(|address| address.id.network.addr())
        .filter(|ip| Family::from(*ip) == family)
        .filter(|ip| around(&server.addresses, *ip).next().is_some())
        .collect()
}

/// The address of the director that carries a virtual IP.
pub(super) fn carrier(director: &Director, vip: IpAddr) -> Option<&Address> {
    let mut addresses = director.addresses.iter();
    addresses.find(|address| address.id.network.addr() == vip)
}
