//! Questions about a cluster that several rules ask.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Facts;
use crate::cluster::{
    Cluster, DesiredState, Director, Match, NodeName, RealServer, VirtualDestination,
    VirtualService,
};
use crate::ipvs::{Connection, Family, Forwarding, ServiceId, Weight};
use crate::net::{Address, IpNet, Route};

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

/// What the machine of the facts must look like, in the role that it has; nothing where nothing was
/// looked at.
pub(super) fn state(cluster: &Cluster, facts: &Facts) -> Option<DesiredState> {
    let name = facts.node.as_str();
    let role = facts.role.filter(|_| cluster.is_paired());
    let state = match role {
        Some(role) => cluster.node_as(name, role),
        None => None,
    };
    let state = state.or_else(|| cluster.node(name));
    state.filter(|_| was_looked_at(facts))
}

/// Whether the machine of the facts gets packets that a director sends on: it is a real server, or that
/// one of two directors that is not active.
pub(super) fn receives(cluster: &Cluster, facts: &Facts) -> bool {
    let is_server = server_here(cluster, facts).is_some();
    is_server || facts.is_standby() && director_here(cluster, facts).is_some()
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

/// The virtual IPs that a real server has to carry: packets arrive with them as their destination. Of two
/// directors each can be a real server of the other one.
pub(super) fn carried_vips(cluster: &Cluster, name: &NodeName) -> BTreeSet<IpAddr> {
    if server(cluster, name).is_none() && !cluster.is_paired() {
        return BTreeSet::new();
    }
    served(cluster, name)
        .filter(|(_, destination)| bypasses(destination.forwarding))
        .flat_map(|(service, _)| service.vips())
        .collect()
}

/// Whether answers go straight to the client, past the director.
pub(super) const fn bypasses(method: Forwarding) -> bool {
    matches!(method, Forwarding::DirectRouting | Forwarding::Tunnel(_))
}

/// Whether answers come back through the director.
pub(super) const fn masquerades(method: Forwarding) -> bool {
    matches!(method, Forwarding::Masquerade)
}

/// The families of services for which a machine is reached by certain methods.
pub(super) fn families(
    cluster: &Cluster,
    name: &NodeName,
    is_one: fn(Forwarding) -> bool,
) -> BTreeSet<Family> {
    served(cluster, name)
        .filter(|(_, destination)| is_one(destination.forwarding))
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

/// The address of the director that carries a virtual IP.
pub(super) fn carrier(director: &Director, vip: IpAddr) -> Option<&Address> {
    let mut addresses = director.addresses.iter();
    addresses.find(|address| address.id.network.addr() == vip)
}

/// The default route that counts: that of the lowest metric.
pub(super) fn default_route(facts: &Facts, family: Family) -> Option<&Route> {
    let of_family = |route: &&Route| {
        Family::from(route.id.destination.addr()) == family && route.id.is_default()
    };
    let routes = facts.routes.iter().filter(of_family);
    routes.min_by_key(|route| route.id.metric)
}

/// What clients connect to, where a service has them connect.
pub(super) fn sockets(service: &VirtualService) -> Vec<Match> {
    match service.service.id {
        ServiceId::Socket { protocol, address } => vec![Match { protocol, address }],
        ServiceId::Fwmark { .. } => service.matches.clone(),
    }
}

/// Whether `wide` contains `narrow`: it is the same, or every port of the same address.
pub(super) fn contains(wide: &Match, narrow: &Match) -> bool {
    let port = wide.address.port();
    wide.protocol == narrow.protocol
        && wide.address.ip() == narrow.address.ip()
        && (port == 0 || port == narrow.address.port())
}

/// Whether a connection belongs to a service.
pub(super) fn is_of(cluster: &Cluster, service: &VirtualService, connection: &Connection) -> bool {
    let to = Match {
        protocol: connection.protocol,
        address: connection.service,
    };
    let possible = sockets(service).iter().any(|it| contains(it, &to));
    possible && taker(cluster, &to).is_some_and(|it| it.service.id == service.service.id)
}

/// The service that gets what clients send somewhere. A mark comes before an address, and of several
/// rules that mark the last one counts; an address with its port comes before one of every port.
pub(super) fn taker<'a>(cluster: &'a Cluster, to: &Match) -> Option<&'a VirtualService> {
    let services = cluster.services().iter();
    let rank = |service: &VirtualService, it: &Match| match service.service.id {
        ServiceId::Fwmark { .. } => 2,
        ServiceId::Socket { .. } => u8::from(it.address.port() != 0),
    };
    let takers = services.flat_map(|service| {
        let sockets = sockets(service).into_iter();
        let fitting = sockets.filter(|it| contains(it, to));
        fitting.map(move |it| (rank(service, &it), service))
    });
    let best = takers.max_by_key(|(rank, _)| *rank);
    best.map(|(_, service)| service)
}

/// The machine of a destination's address.
pub(super) fn machine<'a>(
    cluster: &'a Cluster,
    service: &'a VirtualService,
    rip: IpAddr,
) -> Option<&'a NodeName> {
    let mut destinations = service.destinations.iter();
    let found = destinations.find(|it| cluster.real_ip(service, it) == Some(rip))?;
    Some(&found.real_server)
}
