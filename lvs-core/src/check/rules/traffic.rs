//! What counters and connections tell: whether clients come, answers pass, and all servers get their share.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::thresholds::is_full;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::VirtualService;
use crate::ipvs::{
    DestinationId, DestinationStatus, Forwarding, Protocol, ServiceEntryStatus, Stats, Weight,
};

kinds! {
    NO_ANSWERS = "LVS037", Error, Traffic,
    title: "Packets come in and none go out",
    impact: "no answer passes the director, so none is rewritten, and clients drop what reaches them",
    explanation: "\
        With masquerading both directions pass the director and both are counted. Packets in without \
        packets out mean that the real servers answer by another path (their gateway is not the \
        director, or the client is their neighbour) or that the director does not forward. With direct \
        routing no packets out are normal.";

    ONE_GETS_ALL = "LVS038", Warning, Traffic,
    title: "One real server gets all connections",
    impact: "the others idle",
    explanation: "\
        All connections that were counted between two readings went to one destination although others \
        have weight. The cause may be persistence with a wide mask, a hashing scheduler with few \
        clients, or a least-connection scheduler whose other servers are stuck. Look at scheduler, \
        persistence and thresholds.";

    NO_TRAFFIC = "LVS042", Note, Traffic,
    title: "No traffic was seen",
    impact: "connections could not be judged",
    explanation: "\
        No connection began and no packet was counted between the two readings of the table, so the \
        signs that only traffic gives could not be judged. Send a few requests from a client while check \
        runs. If clients do send requests, another host answers for the virtual IP: use --arp.";
}

/// From this number of new connections on, all of them to one of several servers are no accident.
const ONE_SIDED: u64 = 8;
/// From this number of clients on that get no answer it is no accident.
const SEVERAL: usize = 2;
/// From this number of packets on no answer will come: a request is repeated a few times.
const UNANSWERED: u64 = 3;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .traffic()
        .iter()
        .flat_map(|traffic| {
            let of_service = [scene.no_answers(traffic), scene.one_gets_all(traffic)];
            let of_destinations = scene.silent_destinations(traffic);
            of_service.into_iter().flatten().chain(of_destinations)
        })
        .chain(scene.no_traffic())
        .collect()
}

/// Holds a service in the first and in the last reading.
pub(super) struct Traffic<'a> {
    pub(super) service: &'a VirtualService,
    before: &'a ServiceEntryStatus,
    pub(super) after: &'a ServiceEntryStatus,
}

impl DirectorScene<'_> {
    /// Returns the services that both readings list; none on a standby, to which clients do not come.
    pub(super) fn traffic(&self) -> Vec<Traffic<'_>> {
        if self.facts.is_standby() || self.facts.two_readings().is_none() {
            return Vec::new();
        }
        self.cluster
            .services()
            .iter()
            .filter_map(|service| {
                let id = &service.service.id;
                Some(Traffic {
                    service,
                    before: self.index.listed_before(id)?,
                    after: self.index.listed(id)?,
                })
            })
            .collect()
    }

    fn no_traffic(&self) -> Option<Finding> {
        self.facts
            .two_readings()
            .filter(|_| !self.facts.is_standby())?;
        // Counters may be some seconds late, connections are not.
        let has_moved = self.traffic().iter().any(|traffic| {
            let (packets_in, _) = traffic.new_packets();
            let mut connections = self.index.connections(&traffic.service.service.id).iter();
            packets_in > 0
                || traffic.new_connections() > 0
                || connections.any(|seen| seen.before.is_none())
        });
        (!has_moved && self.facts.ipvs_loaded != Some(false)).then(|| {
            self.finding(
                &NO_TRAFFIC,
                "traffic",
                "no connection and no packet between two readings of the table",
            )
        })
    }

    /// Judges services whose destinations are all masqueraded: other answers do not pass the director.
    fn no_answers(&self, traffic: &Traffic<'_>) -> Option<Finding> {
        let destinations = || {
            traffic
                .after
                .destinations
                .iter()
                .map(|status| &status.destination)
        };
        let is_masqueraded =
            destinations().all(|destination| destination.forwarding == Forwarding::Masquerade);
        let has_weight = destinations().any(|destination| destination.weight != Weight::DRAIN);
        let (packets_in, packets_out) = traffic.new_packets();
        let is_silent = packets_in >= UNANSWERED && packets_out == 0;
        let seen = format!("{packets_in} packets came in, and none went out");
        (is_masqueraded && has_weight && is_silent).then(|| {
            self.finding(&NO_ANSWERS, traffic.service.service.id, seen)
                .fix("lvsctl check FILE --node REAL-SERVER  # on each real server")
        })
    }

    /// Judges the masqueraded destinations of a service without connections, as UDP has none, that answers otherwise.
    fn silent_destinations(&self, traffic: &Traffic<'_>) -> Vec<Finding> {
        let id = traffic.service.service.id;
        let has_states = traffic
            .service
            .sockets()
            .iter()
            .any(|to| to.protocol == Protocol::TCP);
        let clients = self.masqueraded_clients(traffic.service);
        let (_, answered) = traffic.new_packets();
        if (has_states || answered == 0) && clients.values().all(|seen| seen.answered == 0) {
            return Vec::new();
        }
        traffic
            .grown()
            .filter(|(after, _)| after.destination.forwarding == Forwarding::Masquerade)
            .filter_map(|(after, before)| {
                let rip = after.destination.id;
                let seen = clients.get(&SocketAddr::new(rip.address, rip.port));
                let packets_in = grown_by(before, after, |stats| stats.packets_in);
                let is_silent = !has_states
                    && packets_in >= UNANSWERED
                    && grown_by(before, after, |stats| stats.packets_out) == 0;
                let server = self.cluster.node_of(traffic.service, rip.address)?;
                let seen = match seen {
                    // Counters are late.
                    Some(Clients { answered: 1.., .. }) => return None,
                    Some(Clients {
                        unanswered: count @ SEVERAL..,
                        ..
                    }) => format!("{count} clients sent datagrams to {server}, and none came back"),
                    _ if is_silent => {
                        format!("{packets_in} packets went to {server}, and none came back")
                    }
                    _ => return None,
                };
                Some(
                    self.finding(&NO_ANSWERS, (id, rip), seen)
                        .fix(format!("lvsctl check FILE --node {server}  # on {server}")),
                )
            })
            .collect()
    }

    /// Counts the clients of masqueraded datagrams that were seen, by the real server that IPVS has chosen for them.
    pub(super) fn masqueraded_clients(
        &self,
        service: &VirtualService,
    ) -> BTreeMap<SocketAddr, Clients> {
        let mut found: BTreeMap<_, Clients> = BTreeMap::new();
        let connections = self.index.connections(&service.service.id).iter();
        let datagrams = connections
            .map(|seen| seen.now)
            .filter(|now| now.protocol == Protocol::UDP && service.is_masqueraded());
        for connection in datagrams {
            let Some(seen) = self.facts.datagrams_at(connection.service) else {
                continue;
            };
            let clients = found.entry(connection.destination).or_default();
            clients.answered += usize::from(seen.answered.contains(&connection.client));
            clients.unanswered += usize::from(seen.unanswered.contains(&connection.client));
        }
        found
    }

    fn one_gets_all(&self, traffic: &Traffic<'_>) -> Option<Finding> {
        let grown = traffic.new_connections_by_destination();
        let total: u64 = grown.iter().map(|(_, count)| count).sum();
        let (winner, count) = grown.iter().max_by_key(|(_, count)| *count)?;
        let is_one_sided = grown.len() > 1 && *count == total && total >= ONE_SIDED;
        let service = &traffic.service.service;
        let is_meant = matches!(service.scheduler.as_str(), "fo" | "ovf");
        let seen = format!("all {total} connections went to {winner}");
        (is_one_sided && !is_meant).then(|| {
            self.finding(&ONE_GETS_ALL, service.id, seen)
                .fix("in the file: another scheduler, or a narrower persistence netmask")
        })
    }
}

/// Counts clients of datagrams by what became of these.
#[derive(Default)]
pub(super) struct Clients {
    answered: usize,
    /// Those that nothing has answered for a second.
    pub(super) unanswered: usize,
}

impl Traffic<'_> {
    /// Returns whether IPVS has got packets for the service between the readings.
    pub(super) fn has_got_packets(&self) -> bool {
        self.new_packets().0 > 0
    }

    /// Returns whether a connection of the service was counted between the readings.
    pub(super) fn has_got_connections(&self) -> bool {
        self.new_connections() > 0
    }

    /// Returns the packets in and out between the readings. Counters that were zeroed meanwhile count as 0.
    fn new_packets(&self) -> (u64, u64) {
        let (before, after) = (&self.before.status.stats, &self.after.status.stats);
        (
            after.packets_in.saturating_sub(before.packets_in),
            after.packets_out.saturating_sub(before.packets_out),
        )
    }

    fn new_connections(&self) -> u64 {
        let (before, after) = (&self.before.status.stats, &self.after.status.stats);
        after.connections.saturating_sub(before.connections)
    }

    /// Returns the new connections of every destination that takes connections.
    fn new_connections_by_destination(&self) -> Vec<(DestinationId, u64)> {
        self.grown()
            .filter(|(after, _)| after.destination.weight != Weight::DRAIN && !is_full(after))
            .map(|(after, before)| {
                let count = grown_by(before, after, |stats| stats.connections);
                (after.destination.id, count)
            })
            .collect()
    }

    /// Returns the destinations of the last reading, each with its entry in the first one.
    fn grown(&self) -> impl Iterator<Item = (&DestinationStatus, Option<&DestinationStatus>)> {
        let before: HashMap<_, _> = self
            .before
            .destinations
            .iter()
            .map(|status| (status.destination.id, status))
            .collect();
        self.after
            .destinations
            .iter()
            .map(move |status| (status, before.get(&status.destination.id).copied()))
    }
}

/// Returns by how much a counter has grown. One that was zeroed meanwhile counts as 0.
fn grown_by(
    before: Option<&DestinationStatus>,
    after: &DestinationStatus,
    counter: fn(&Stats) -> u64,
) -> u64 {
    let before = before.map_or(0, |before| counter(&before.stats));
    counter(&after.stats).saturating_sub(before)
}
