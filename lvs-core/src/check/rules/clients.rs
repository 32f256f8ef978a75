//! Clients whom the forwarding method cannot serve.

use std::net::IpAddr;

use super::half_open::stalled;
use crate::check::kind::kinds;
use crate::check::scene::{around, carrier, director_here, is_wide, server};
use crate::check::{Facts, Finding, Severity};
use crate::cluster::{Cluster, Director, RealServer, VirtualDestination, VirtualService};
use crate::ipvs::{Connection, Forwarding};

kinds! {
    CLIENT_ON_SERVER_NETWORK = "LVS018", Warning, Routing,
    title: "Clients may be on the real servers' network",
    impact: "a real server answers a neighbour directly, past the director, and the client drops the answer",
    explanation: "With NAT a client on a network of the real servers is reached by them without any gateway. Its answers come from the real IP, not the virtual one. \
        Other clients work, which makes it hard to find; on the director its connections stay in SYN_RECV. \
        Keep clients off that network, or use direct routing, which does not mind.";

    DIRECTOR_AS_CLIENT = "LVS041", Warning, Traffic,
    title: "The director is a client of its own service",
    impact: "with direct routing the real server answers itself, for it has the address too; such a test always fails",
    explanation: "A connection from the director to its own virtual IP has the virtual IP or an address of its own as source. In direct routing the real server \
        owns the virtual IP and its answer never comes back. The service may be well: test it from a client.";
}

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
    let vips = service.vips().into_iter();
    let (vip, shared) = vips
        .filter_map(|vip| Some((vip, shared(cluster, director, service, vip)?)))
        .next()?;
    let seen = format!(
        "{vip} is on a network of {}, and so may its clients be",
        shared.name
    );
    Some(
        CLIENT_ON_SERVER_NETWORK
            .finding(service.service.id, seen)
            .on(&director.name)
            .fix("give the virtual IP a network without real servers")
            .fix("or in the file: forwarding = \"dr\""),
    )
}

/// A real server on the network of a virtual IP.
fn shared<'a>(
    cluster: &'a Cluster,
    director: &Director,
    service: &'a VirtualService,
    vip: IpAddr,
) -> Option<&'a RealServer> {
    let own = carrier(director, vip)?.id.network;
    masqueraded(cluster, service).find(|server| {
        let rip = server.real_ip(service.service.id.family());
        let near = || around(&server.addresses, vip).next().is_some();
        rip.is_some_and(|rip| is_wide(&own) && own.contains(&rip) || near())
    })
}

/// Whether the method itself keeps a client from being answered, whatever the state of the machines.
pub(super) fn is_hopeless(
    cluster: &Cluster,
    facts: &Facts,
    service: &VirtualService,
    connection: &Connection,
) -> bool {
    let client = connection.client.ip();
    is_own(facts, client) || neighbour(cluster, service, connection).is_some()
}

fn is_own(facts: &Facts, ip: IpAddr) -> bool {
    facts.carrying(ip).next().is_some()
}

/// The masqueraded real server that answers this client directly.
fn neighbour<'a>(
    cluster: &'a Cluster,
    service: &'a VirtualService,
    connection: &Connection,
) -> Option<&'a RealServer> {
    let family = service.service.id.family();
    let mut servers = masqueraded(cluster, service);
    servers.find(|server| {
        server.real_ip(family) == Some(connection.destination.ip())
            && around(&server.addresses, connection.client.ip())
                .next()
                .is_some()
    })
}

/// A client that was seen there, and whose connection does not come about.
fn stuck_neighbours(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let services = cluster.services().iter();
    let found = services.filter_map(|service| {
        let stalled = stalled(cluster, facts, service).into_iter();
        let (client, server) = stalled
            .filter_map(|it| Some((it.client.ip(), neighbour(cluster, service, it)?)))
            .next()?;
        let seen = format!(
            "the client {client} is a neighbour of {} and its connections get no answer",
            server.name
        );
        Some(
            CLIENT_ON_SERVER_NETWORK
                .finding(service.service.id, seen)
                .severity(Severity::Error)
                .on(&facts.node)
                .fix("move the client to another network")
                .fix("or in the file: forwarding = \"dr\""),
        )
    });
    found.collect()
}

/// The director testing its own service, which direct routing cannot answer.
fn own_client(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let services = cluster.services().iter();
    let found = services.filter_map(|service| {
        let mut stalled = stalled(cluster, facts, service).into_iter();
        let client = stalled
            .find(|it| is_own(facts, it.client.ip()))?
            .client
            .ip();
        let seen = format!("the client {client} is this machine, and gets no answer");
        Some(
            DIRECTOR_AS_CLIENT
                .finding(service.service.id, seen)
                .on(&facts.node)
                .fix("test the service from a client"),
        )
    });
    found.collect()
}
