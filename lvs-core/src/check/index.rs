//! What the facts of a node have of each service and address, found once: a node may have thousands of them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::facts::{Facts, IpvsReading};
use super::path::PathFact;
use crate::cluster::{Cluster, Match};
use crate::ipvs::{Connection, ConnectionState, Protocol, Seconds, ServiceEntryStatus, ServiceId};
use crate::net::Address;

/// The time in seconds that SYN_RECV lasts from the last packet on.
const SYN_RECV: u32 = 60;
/// The rest of it when its client has waited in vain for a second. On a network that works an answer takes a few
/// milliseconds.
const WAITED: Seconds = Seconds(58);
/// The same wait as the time between two readings.
const A_SECOND: Duration = Duration::from_secs(1);

/// Holds the facts of a node by service and by address.
#[derive(Default)]
pub(super) struct Index<'a> {
    addresses: HashMap<IpAddr, Vec<&'a Address>>,
    paths: HashMap<IpAddr, &'a PathFact>,
    first: HashMap<ServiceId, &'a ServiceEntryStatus>,
    last: HashMap<ServiceId, &'a ServiceEntryStatus>,
    connections: HashMap<ServiceId, Vec<Seen<'a>>>,
}

/// Is a connection of the last reading, with what the earlier ones tell of it.
pub(super) struct Seen<'a> {
    pub(super) now: &'a Connection,
    /// Its entry in the first reading.
    pub(super) before: Option<&'a Connection>,
    /// Whether it was half-open in a reading a second or more before the last one, or its time shows that.
    has_waited: bool,
    /// The seconds between the first and the last reading.
    pause: u32,
}

/// Says what became of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its client asked a moment ago.
    Fresh,
    /// Its client asked during the readings, and has waited for an answer for a second at least.
    Waiting,
    /// Its client asked before the first reading, and not since.
    GivenUp,
    /// It ended with a reset; whether it was established is not known.
    Closed,
    /// It was established during the readings.
    EstablishedNow,
    /// It was established before.
    Established,
}

impl Seen<'_> {
    pub(super) fn outcome(&self) -> Outcome {
        match self.now.state {
            ConnectionState::SynRecv if !self.has_asked() => Outcome::GivenUp,
            ConnectionState::SynRecv if self.has_waited => Outcome::Waiting,
            ConnectionState::SynRecv | ConnectionState::None => Outcome::Fresh,
            ConnectionState::Close => Outcome::Closed,
            _ if self.before.is_none_or(is_half_open) => Outcome::EstablishedNow,
            _ => Outcome::Established,
        }
    }

    /// Returns whether a client waits that certainly has not given up: it began since the first reading, or shortly
    /// before it and has asked again since.
    ///
    /// A client that asks every second, as Linux does since 6.5, renews the entry each time; there the reading in the
    /// middle decides. An older entry may be renewed by what the real server repeats.
    pub(super) fn is_certain(&self) -> bool {
        let is_young = self
            .before
            .filter(|before| is_half_open(before))
            .is_none_or(|before| before.expires >= WAITED);
        is_young && self.outcome() == Outcome::Waiting
    }

    /// Returns whether the connection was established during the readings.
    pub(super) fn is_established_now(&self) -> bool {
        self.outcome() == Outcome::EstablishedNow
    }

    /// Returns the seconds since the last packet of a connection in SYN_RECV.
    pub(super) fn silent_for(&self) -> u32 {
        SYN_RECV.saturating_sub(self.now.expires.0)
    }

    /// Returns whether a half-open connection was renewed, or began, since the first reading: otherwise it would have
    /// lost the seconds between the readings, give or take one.
    fn has_asked(&self) -> bool {
        match self.before {
            Some(before) if is_half_open(before) => {
                self.now.expires.0.saturating_add(self.pause) > before.expires.0
            }
            _ => self.silent_for() <= self.pause.saturating_add(1),
        }
    }
}

fn is_half_open(connection: &Connection) -> bool {
    connection.protocol == Protocol::TCP && connection.state == ConnectionState::SynRecv
}

impl<'a> Index<'a> {
    pub(super) fn new(cluster: &Cluster, facts: &'a Facts) -> Self {
        let mut addresses: HashMap<IpAddr, Vec<&Address>> = HashMap::new();
        for address in &facts.addresses {
            let found = addresses.entry(address.id.network.addr()).or_default();
            found.push(address);
        }
        let by_id = |reading: Option<&'a IpvsReading>| {
            reading
                .into_iter()
                .flat_map(|reading| &reading.services)
                .map(|listed| (listed.status.service.id, listed))
                .collect()
        };
        let own_packets = facts
            .paths
            .iter()
            .filter(|path| path.query.source.is_none());
        Self {
            addresses,
            paths: own_packets
                .map(|path| (path.query.destination, path))
                .collect(),
            first: by_id(facts.readings.first()),
            last: by_id(facts.now()),
            connections: connections(cluster, facts),
        }
    }

    /// Returns the node's addresses that equal `ip`, with any prefix length.
    pub(super) fn carrying(&self, ip: IpAddr) -> &[&'a Address] {
        self.addresses.get(&ip).map_or(&[], Vec::as_slice)
    }

    /// Returns the looked-up way of the node's own packets to an address.
    pub(super) fn path_to(&self, ip: IpAddr) -> Option<&'a PathFact> {
        self.paths.get(&ip).copied()
    }

    /// Returns the entry of a service in the last reading.
    pub(super) fn listed(&self, id: &ServiceId) -> Option<&'a ServiceEntryStatus> {
        self.last.get(id).copied()
    }

    /// Returns another service that has a destination, as one by firewall mark which takes packets of the first.
    pub(super) fn other_service(
        &self,
        id: ServiceId,
        destination: SocketAddr,
    ) -> Option<ServiceId> {
        let others = self
            .last
            .values()
            .filter(|listed| listed.status.service.id != id);
        let has_it = |listed: &&&ServiceEntryStatus| {
            let mut ids = listed
                .destinations
                .iter()
                .map(|status| status.destination.id);
            // By a mark, a destination without port gets packets of any.
            ids.any(|id| {
                id.address == destination.ip() && [0, destination.port()].contains(&id.port)
            })
        };
        others
            .filter(|listed| matches!(listed.status.service.id, ServiceId::Fwmark { .. }))
            .find(has_it)
            .map(|listed| listed.status.service.id)
    }

    /// Returns the entry of a service in the first reading.
    pub(super) fn listed_before(&self, id: &ServiceId) -> Option<&'a ServiceEntryStatus> {
        self.first.get(id).copied()
    }

    /// Returns whether a client waits for an answer.
    pub(super) fn is_any_waiting(&self) -> bool {
        let mut connections = self.connections.values().flatten();
        connections.any(|seen| seen.outcome() == Outcome::Waiting)
    }

    /// Returns the connections of a service of the file in the last reading, without templates.
    pub(super) fn connections(&self, id: &ServiceId) -> &[Seen<'a>] {
        self.connections.get(id).map_or(&[], Vec::as_slice)
    }
}

/// The ends of a connection tell it from others.
pub(super) type Ends = (SocketAddr, SocketAddr, SocketAddr);

pub(super) fn ends(connection: &Connection) -> Ends {
    (
        connection.client,
        connection.service,
        connection.destination,
    )
}

pub(super) fn by_ends(reading: &IpvsReading) -> HashMap<Ends, &Connection> {
    reading
        .connections
        .iter()
        .map(|connection| (ends(connection), connection))
        .collect()
}

impl Facts {
    /// Returns the addresses of a director from which it probes real servers: connections from there are no clients'.
    fn probing(&self, cluster: &Cluster) -> HashSet<IpAddr> {
        let has_checks = cluster
            .services()
            .iter()
            .any(|service| !service.checks.is_empty());
        self.addresses
            .iter()
            .filter(|_| has_checks)
            .map(|address| address.id.network.addr())
            .collect()
    }
}

fn connections<'a>(cluster: &Cluster, facts: &'a Facts) -> HashMap<ServiceId, Vec<Seen<'a>>> {
    let mut found: HashMap<ServiceId, Vec<Seen<'_>>> = HashMap::new();
    let Some((last, earlier)) = facts.readings.split_last() else {
        return found;
    };
    let earlier: Vec<_> = earlier
        .iter()
        .map(|reading| (last.at.saturating_sub(reading.at), by_ends(reading)))
        .collect();
    let probing = facts.probing(cluster);
    let clients = last
        .connections
        .iter()
        .filter(|now| !now.is_template() && !probing.contains(&now.client.ip()));
    for now in clients {
        let Some(service) = cluster.receiver(&Match {
            protocol: now.protocol,
            address: now.service,
        }) else {
            continue;
        };
        let first = earlier.first();
        found.entry(service.service.id).or_default().push(Seen {
            now,
            before: first.and_then(|(_, entries)| entries.get(&ends(now)).copied()),
            has_waited: now.expires <= WAITED
                || earlier
                    .iter()
                    .filter(|(ago, _)| *ago >= A_SECOND)
                    .filter_map(|(_, entries)| entries.get(&ends(now)))
                    .any(|before| is_half_open(before)),
            pause: first.map_or(0, |(ago, _)| {
                u32::try_from(ago.as_secs()).unwrap_or(u32::MAX)
            }),
        });
    }
    found
}
