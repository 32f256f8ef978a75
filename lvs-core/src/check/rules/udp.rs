//! UDP clients that a drain does not reach.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::check::kind::kinds;
use crate::check::scene::director_here;
use crate::check::{Facts, Finding, IpvsReading, ListedService};
use crate::cluster::Cluster;
use crate::ipvs::{Connection, Protocol, ServiceId, Weight};

kinds! {
    STUCK_UDP = "LVS040", Warning, Traffic,
    title: "UDP clients are stuck on a drained real server",
    impact: "the drain never ends: every datagram renews the entry",
    explanation: "UDP has no end: an entry lives for udp-timeout after its last datagram, and a client that keeps sending keeps it. Weight 0 does not touch it. \
        Delete the destination with expire_nodest_conn=1, shorten the timeout, or schedule every datagram on its own (one-packet).";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| director_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    let Some((first, last)) = facts.two_readings() else {
        return Vec::new();
    };
    let entries = last.services.iter().filter(|entry| is_udp(entry));
    let found = entries.flat_map(|entry| {
        let drained = drained(entry);
        stuck(first, last, drained)
            .into_iter()
            .map(|destination| finding(facts, entry, destination))
    });
    found.collect()
}

fn is_udp(entry: &ListedService) -> bool {
    matches!(entry.status.service.id, ServiceId::Socket { protocol, .. } if protocol == Protocol::UDP)
}

fn drained(entry: &ListedService) -> BTreeSet<SocketAddr> {
    let destinations = entry.destinations.iter().map(|it| &it.destination);
    let drained = destinations.filter(|it| it.weight == Weight::DRAIN);
    drained
        .map(|it| SocketAddr::new(it.id.address, it.id.port))
        .collect()
}

/// The drained destinations of connections that were renewed between the readings: left alone, an
/// entry's time runs out.
fn stuck(
    first: &IpvsReading,
    last: &IpvsReading,
    drained: BTreeSet<SocketAddr>,
) -> BTreeSet<SocketAddr> {
    let same = |a: &Connection, b: &Connection| {
        (a.client, a.service, a.destination) == (b.client, b.service, b.destination)
    };
    let renewed = |now: &&Connection| {
        let mut earlier = first.connections.iter();
        earlier.any(|before| same(before, now) && now.expires >= before.expires)
    };
    let udp = last
        .connections
        .iter()
        .filter(|it| it.protocol == Protocol::UDP);
    let living = udp.filter(|it| !it.is_template() && drained.contains(&it.destination));
    living.filter(renewed).map(|it| it.destination).collect()
}

fn finding(facts: &Facts, entry: &ListedService, destination: SocketAddr) -> Finding {
    let id = entry.status.service.id;
    let seen = "it is drained, and its clients keep sending".to_owned();
    STUCK_UDP
        .finding(format!("{destination} of {id}"), seen)
        .on(&facts.node)
        .fix("sysctl -w net/ipv4/vs/expire_nodest_conn=1")
        .fix(format!("lvsctl destination delete {id} {destination}"))
}
