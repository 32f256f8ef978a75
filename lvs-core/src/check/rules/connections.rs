//! Connections that outlived their destination.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::check::kind::kinds;
use crate::check::scene::director_here;
use crate::check::{Facts, Finding, IpvsReading, ListedService};
use crate::cluster::Cluster;
use crate::ipvs::{Connection, Protocol, ServiceId};

kinds! {
    GONE_DESTINATION = "LVS039", Warning, Traffic,
    title: "Connections to a real server that was removed",
    impact: "their packets are dropped silently until the connection expires, up to 15 minutes",
    explanation: "The kernel keeps connections whose destination was deleted, and drops their packets unless net/ipv4/vs/expire_nodest_conn is 1; \
        then the first packet ends the connection and the client can go elsewhere. Drain before removing, or set the switch.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| director_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    let Some(now) = facts.now() else {
        return Vec::new();
    };
    if facts.ipvs_sysctl("expire_nodest_conn") != Some(0) {
        return Vec::new();
    }
    gone(now)
        .into_iter()
        .map(|destination| finding(facts, now, destination))
        .collect()
}

/// The destinations of living connections that their service does not have.
fn gone(reading: &IpvsReading) -> BTreeSet<SocketAddr> {
    let connections = reading.connections.iter();
    let living = connections.filter(|connection| is_living(connection));
    let orphans = living.filter(|connection| is_orphan(reading, connection));
    orphans.map(|connection| connection.destination).collect()
}

/// What is closing, or never came about, nobody misses.
fn is_living(connection: &Connection) -> bool {
    let used = ["ESTABLISHED", "CLOSE_WAIT", "UDP"].contains(&connection.state.as_str());
    used && !connection.is_template()
}

/// Only of services that are in the table: without one its connections are nobody's.
fn is_orphan(reading: &IpvsReading, connection: &Connection) -> bool {
    let id = ServiceId::Socket {
        protocol: connection.protocol,
        address: connection.service,
    };
    let has = |entry: &ListedService| {
        let mut destinations = entry.destinations.iter();
        destinations.any(|it| {
            let id = it.destination.id;
            SocketAddr::new(id.address, id.port) == connection.destination
        })
    };
    connection.protocol != Protocol(0) && reading.service(&id).is_some_and(|entry| !has(entry))
}

fn finding(facts: &Facts, now: &IpvsReading, destination: SocketAddr) -> Finding {
    let connections = now.connections.iter();
    let count = connections
        .filter(|it| it.destination == destination)
        .count();
    let seen = format!("{count} connections go to {destination}, which is no destination any more");
    GONE_DESTINATION
        .finding(destination, seen)
        .on(&facts.node)
        .fix("sysctl -w net/ipv4/vs/expire_nodest_conn=1")
}
