//! Connections that ask and get no answer.

use std::net::SocketAddr;

use crate::check::{Facts, Reading};
use crate::ipvs::{Connection, Protocol, Seconds, ServiceId};

/// What is left of SYN_RECV's 60 s after the client has waited in vain for a second. On a network that
/// works an answer takes a few milliseconds.
const WAITED: Seconds = Seconds(58);

/// The TCP connections of a service that do not come about: begun since the first reading, and without
/// an answer for a second. Older ones say nothing about now: they stay for a minute after their client
/// has given up, and are renewed by what the real server repeats meanwhile.
pub(super) fn stalled(facts: &Facts, service: ServiceId) -> Vec<&Connection> {
    let Some((first, last)) = facts.two_readings() else {
        return Vec::new();
    };
    let connections = last.connections.iter();
    connections
        .filter(|it| id(it) == service && is_half_open(it) && it.expires <= WAITED)
        .filter(|now| before(first, now).is_none_or(|before| !is_half_open(before)))
        .collect()
}

fn is_half_open(connection: &Connection) -> bool {
    connection.protocol == Protocol::TCP && connection.state == "SYN_RECV"
}

fn before<'a>(first: &'a Reading, now: &Connection) -> Option<&'a Connection> {
    let ends = |it: &Connection| -> (SocketAddr, SocketAddr) { (it.client, it.destination) };
    let mut connections = first.connections.iter();
    connections.find(|it| ends(it) == ends(now) && it.service == now.service)
}

fn id(connection: &Connection) -> ServiceId {
    ServiceId::Socket {
        protocol: connection.protocol,
        address: connection.service,
    }
}
