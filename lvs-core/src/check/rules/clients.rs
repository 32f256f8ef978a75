//! Clients whom the forwarding method cannot serve.

use std::net::IpAddr;

use crate::check::view::{around, carrier, director_here, is_wide, server};
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, Director, RealServer, VirtualDestination, VirtualService};
use crate::ipvs::Forwarding;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in cluster.services() {
        for director in cluster.directors() {
            found.extend(neighbours(cluster, director, service));
        }
    }
    if let Some(facts) = facts
        && director_here(cluster, facts).is_some()
    {
        found.extend(stuck_neighbours(cluster, facts));
        found.extend(own_client(cluster, facts));
    }
    found
}

/// The real servers that a service masquerades.
fn masqueraded<'a>(
    cluster: &'a Cluster,
    service: &'a VirtualService,
) -> impl Iterator<Item = &'a RealServer> {
    let nat = |it: &&VirtualDestination| it.forwarding == Forwarding::Masquerade;
    let destinations = service.destinations.iter().filter(nat);
    destinations.filter_map(|it| server(cluster, &it.real_server))
}

/// Clients on the virtual IP's own network, which is also that of real servers.
fn neighbours(cluster: &Cluster, director: &Director, service: &VirtualService) -> Option<Finding> {
    let vip = service.vip()?;
    let own = carrier(director, vip)?.id.network;
    let shared = masqueraded(cluster, service).find_map(|server| {
        let rip = server.real_ip(service.service.id.family())?;
        let near = || around(&server.addresses, vip).next().is_some();
        (is_wide(&own) && own.contains(&rip) || near()).then_some(server)
    })?;
    let seen = format!(
        "{vip} is on a network of {}, and so may its clients be",
        shared.name
    );
    Some(
        Finding::new(Code::CLIENT_ON_SERVER_NETWORK, service.service.id, seen)
            .on(&director.name)
            .mend("give the virtual IP a network without real servers")
            .mend("or in the file: forwarding = \"dr\""),
    )
}

/// A client that was seen there, and whose connection does not come about.
fn stuck_neighbours(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let Some(now) = facts.now() else {
        return Vec::new();
    };
    let stuck = |service: &VirtualService, server: &RealServer| {
        let id = service.service.id;
        let rip = server.real_ip(id.family());
        now.connections.iter().find(|connection| {
            connection.state == "SYN_RECV"
                && Some(connection.service.ip()) == service.vip()
                && Some(connection.destination.ip()) == rip
                && around(&server.addresses, connection.client.ip())
                    .next()
                    .is_some()
        })
    };
    let services = cluster.services().iter();
    let found = services.filter_map(|service| {
        let mut servers = masqueraded(cluster, service);
        let (server, connection) =
            servers.find_map(|server| Some((server, stuck(service, server)?)))?;
        let seen = format!(
            "the client {} is a neighbour of {} and its connection does not come about",
            connection.client.ip(),
            server.name
        );
        Some(
            Finding::new(Code::CLIENT_ON_SERVER_NETWORK, service.service.id, seen)
                .on(&facts.node)
                .mend("move the client to another network")
                .mend("or in the file: forwarding = \"dr\""),
        )
    });
    found.collect()
}

/// The director testing its own service, which only masquerading and local delivery could answer.
fn own_client(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let Some(now) = facts.now() else {
        return Vec::new();
    };
    let is_own = |ip: IpAddr| facts.carrying(ip).next().is_some();
    let direct = |service: &VirtualService| {
        let mut methods = service.destinations.iter().map(|it| it.forwarding);
        methods.any(|method| method == Forwarding::DirectRouting)
    };
    let services = cluster.services().iter().filter(|service| direct(service));
    let found = services.filter_map(|service| {
        let client = now.connections.iter().find(|connection| {
            Some(connection.service.ip()) == service.vip()
                && connection.state == "SYN_RECV"
                && is_own(connection.client.ip())
        })?;
        let seen = format!("{} asks from this machine", client.client);
        Some(
            Finding::new(Code::DIRECTOR_AS_CLIENT, service.service.id, seen)
                .on(&facts.node)
                .mend("test the service from a client"),
        )
    });
    found.collect()
}
