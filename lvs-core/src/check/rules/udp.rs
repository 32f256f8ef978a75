//! UDP clients that a drain does not end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::check::command;
use crate::check::facts::IpvsReading;
use crate::check::finding::Finding;
use crate::check::index::{by_ends, ends};
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::{Connection, DestinationId, Protocol, ServiceEntryStatus, ServiceId, Weight};

kinds! {
    STUCK_UDP = "LVS040", Warning, Traffic,
    title: "UDP clients are stuck on a drained real server",
    impact: "the drain never ends: every datagram renews the entry",
    explanation: "\
        UDP connections have no end: an entry lives for udp-timeout after its last datagram, and a \
        client that keeps sending keeps it. Weight 0 does not affect it. Delete the destination with \
        expire_nodest_conn=1, shorten the timeout, or schedule every datagram on its own (one-packet).";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let Some((first, last)) = scene.facts.two_readings() else {
        return Vec::new();
    };
    let renewed = renewed(first, last);
    last.services
        .iter()
        .filter(|listed| is_udp(listed))
        .flat_map(|listed| {
            drained(listed).map(|destination| (listed.status.service.id, destination))
        })
        .filter(|(_, destination)| renewed.contains(destination))
        .map(|(id, destination)| {
            scene
                .finding(
                    &STUCK_UDP,
                    (id, DestinationId::new(destination.ip(), destination.port())),
                    "it is drained, and its clients keep sending",
                )
                .fix("sysctl -w net/ipv4/vs/expire_nodest_conn=1")
                .fix(command::destination("delete", id, destination))
        })
        .collect()
}

fn is_udp(listed: &ServiceEntryStatus) -> bool {
    matches!(listed.status.service.id, ServiceId::Socket { protocol, .. } if protocol == Protocol::UDP)
}

fn drained(listed: &ServiceEntryStatus) -> impl Iterator<Item = SocketAddr> {
    listed
        .destinations
        .iter()
        .map(|status| &status.destination)
        .filter(|destination| destination.weight == Weight::DRAIN)
        .map(|destination| SocketAddr::new(destination.id.address, destination.id.port))
}

/// Returns the destinations of UDP connections that were renewed between the readings: left alone, an entry loses the
/// time between them, to the second to which `/proc` rounds.
fn renewed(first: &IpvsReading, last: &IpvsReading) -> BTreeSet<SocketAddr> {
    let before = by_ends(first);
    let between = last.at.saturating_sub(first.at);
    let is_renewed = |now: &&Connection| {
        before.get(&ends(now)).is_some_and(|before| {
            let lost = before.expires.0.saturating_sub(now.expires.0);
            lost == 0 || Duration::from_secs(u64::from(lost) + 1) < between
        })
    };
    last.connections
        .iter()
        .filter(|connection| connection.protocol == Protocol::UDP && !connection.is_template())
        .filter(is_renewed)
        .map(|connection| connection.destination)
        .collect()
}
