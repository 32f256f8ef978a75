//! Connections that ask and get no answer.

use std::net::SocketAddr;

use crate::check::{Facts, Reading};
use crate::ipvs::{Connection, Protocol, Seconds, ServiceId};

/// What is left of SYN_RECV's 60 s after the client has waited in vain for a second. On a network that
/// works an answer takes a few milliseconds.
const WAITED: Seconds = Seconds(58);

/// The TCP connections of a service that do not come about, by what happened between the readings: the
/// client asked first, or once more, and no answer followed. Entries that nobody asks for any more stay
/// for a minute and say nothing about now.
pub(super) fn stalled(facts: &Facts, service: ServiceId) -> Vec<&Connection> {
    let Some((first, last)) = facts.two_readings() else {
        return Vec::new();
    };
    let connections = last.connections.iter();
    connections
        .filter(|connection| id(connection) == service && is_half_open(connection))
        .filter(|now| match before(first, now) {
            Some(before) if is_half_open(before) => now.expires >= before.expires,
            _ => now.expires <= WAITED,
        })
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
