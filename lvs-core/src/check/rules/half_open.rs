//! Connections that ask and get no answer.

use std::net::SocketAddr;
use std::time::Duration;

use crate::check::kind::kinds;
use crate::check::scene::is_of;
use crate::check::{Facts, IpvsReading};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{Connection, Protocol, Seconds};

kinds! {
    HALF_OPEN = "LVS036", Error, Traffic,
    title: "Connections do not come about",
    impact: "clients of this real server wait until they give up",
    explanation: "Connections stay in SYN_RECV between two readings: the request was sent on, and no answer of the client ever came back. \
        The real server drops it (no virtual IP, rp_filter, a firewall, switched off), or its answer goes astray (gateway, anti-spoofing of a cloud). \
        Run check on the real server; where the director could tell the cause itself it names that instead.";
}

/// What is left of SYN_RECV's 60 s when its client has waited in vain for a second. On a network that
/// works an answer takes a few milliseconds.
const WAITED: Seconds = Seconds(58);
/// The same, between two readings.
const A_SECOND: Duration = Duration::from_secs(1);

/// The TCP connections of a service that do not come about: begun since the first reading and without an
/// answer for a second, or asked for shortly before it and again since. (Whoever asks every second, as
/// Linux does since 6.5, renews the entry each time: there a reading between tells.) Other entries say
/// nothing about now: they stay for a minute after their client has given up, and each may be renewed once
/// more by what the real server repeats meanwhile.
pub(super) fn stalled<'a>(
    cluster: &Cluster,
    facts: &'a Facts,
    service: &VirtualService,
) -> Vec<&'a Connection> {
    let Some((first, last)) = facts.two_readings() else {
        return Vec::new();
    };
    let pause = last.at.saturating_sub(first.at).as_secs();
    let half_open = last.connections.iter();
    half_open
        .filter(|now| is_half_open(now) && is_of(cluster, service, now))
        .filter(|now| match before(first, now) {
            Some(before) if is_half_open(before) => {
                before.expires >= WAITED && is_renewed(before, now, pause)
            }
            _ => now.expires <= WAITED || has_waited(&facts.readings, last, now),
        })
        .collect()
}

fn has_waited(readings: &[IpvsReading], last: &IpvsReading, now: &Connection) -> bool {
    let mut earlier = readings
        .iter()
        .filter(|it| last.at.saturating_sub(it.at) >= A_SECOND);
    earlier.any(|reading| before(reading, now).is_some_and(is_half_open))
}

/// Left alone, an entry would have lost the seconds between the readings, give or take one.
fn is_renewed(before: &Connection, now: &Connection, pause: u64) -> bool {
    u64::from(now.expires.0) + pause > u64::from(before.expires.0)
}

fn is_half_open(connection: &Connection) -> bool {
    connection.protocol == Protocol::TCP && connection.state == "SYN_RECV"
}

fn before<'a>(first: &'a IpvsReading, now: &Connection) -> Option<&'a Connection> {
    let ends = |it: &Connection| -> (SocketAddr, SocketAddr) { (it.client, it.destination) };
    let mut connections = first.connections.iter();
    connections.find(|it| ends(it) == ends(now) && it.service == now.service)
}
