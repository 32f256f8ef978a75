//! UDP clients that a drain does not end.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::half_open::is_same;
use crate::check::command;
use crate::check::facts::IpvsReading;
use crate::check::finding::Finding;
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
    last.services
        .iter()
        .filter(|listed| is_udp(listed))
        .flat_map(|listed| {
            let id = listed.status.service.id;
            stuck(first, last, &drained(listed))
                .into_iter()
                .map(move |destination| (id, destination))
        })
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

fn drained(listed: &ServiceEntryStatus) -> BTreeSet<SocketAddr> {
    listed
        .destinations
        .iter()
        .map(|status| &status.destination)
        .filter(|destination| destination.weight == Weight::DRAIN)
        .map(|destination| SocketAddr::new(destination.id.address, destination.id.port))
        .collect()
}

/// Returns the drained destinations of connections that were renewed between the readings: left alone, an
/// entry's time runs out.
fn stuck(
    first: &IpvsReading,
    last: &IpvsReading,
    drained: &BTreeSet<SocketAddr>,
) -> BTreeSet<SocketAddr> {
    let is_renewed = |now: &&Connection| {
        first
            .connections
            .iter()
            .any(|before| is_same(before, now) && now.expires >= before.expires)
    };
    last.connections
        .iter()
        .filter(|connection| connection.protocol == Protocol::UDP && !connection.is_template())
        .filter(|connection| drained.contains(&connection.destination))
        .filter(is_renewed)
        .map(|connection| connection.destination)
        .collect()
}
