//! Connections that are not established, because the client gets no answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::check::facts::{Facts, IpvsReading};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::VirtualService;
use crate::ipvs::{Connection, DestinationId, Protocol, Seconds};

kinds! {
    HALF_OPEN = "LVS036", Error, Traffic,
    title: "Connections are not established",
    impact: "clients of this real server wait until they give up",
    explanation: "\
        Connections stay in SYN_RECV between two readings: the request was forwarded, and the client \
        never answered, because no answer has reached it. The real server drops the request (no virtual \
        IP, rp_filter, a firewall, powered off), or its answer is lost on the way (gateway, \
        anti-spoofing of a cloud). Run check on the real server; where the director can tell the cause \
        itself, it names that instead.";
}

/// The rest of the 60 s of SYN_RECV when its client has waited in vain for a second. On a network that works an
/// answer takes a few milliseconds.
const WAITED: Seconds = Seconds(58);
/// The same wait as the time between two readings.
const A_SECOND: Duration = Duration::from_secs(1);
/// From this number on half-open connections are no accident: a client that has left leaves one or two.
const SEVERAL: usize = 2;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .traffic()
        .iter()
        .flat_map(|traffic| scene.half_open_destinations(traffic.service))
        .collect()
}

impl DirectorScene<'_> {
    /// Reports half-open connections by destination, except of clients that no real server could answer: those have
    /// findings of their own.
    fn half_open_destinations(&self, service: &VirtualService) -> Vec<Finding> {
        let recent = self.half_open(service);
        self.outcomes(service)
            .into_iter()
            .filter_map(|(destination, outcome)| {
                let recent = recent
                    .iter()
                    .filter(|connection| connection.destination == destination)
                    .filter(|connection| !self.is_unanswerable(service, connection))
                    .count();
                // Where no client was answered at all, those who have given up confirm one who waits.
                let count = match (recent, outcome.established) {
                    (1.., 0) => recent.max(outcome.waiting),
                    _ => recent,
                };
                (count >= SEVERAL).then(|| self.half_open_at(service, destination, count))
            })
            .collect()
    }

    /// Returns why the connections do not show that clients are answered: one that waits is enough.
    pub(in crate::check) fn waiting(&self) -> Option<String> {
        self.traffic().iter().find_map(|traffic| {
            let outcomes = self.outcomes(traffic.service);
            let (destination, outcome) = outcomes.iter().find(|(_, outcome)| {
                outcome.waiting > 0 || outcome.closed > 0 && outcome.established == 0
            })?;
            let server = self.server(traffic.service, *destination);
            Some(match outcome.waiting {
                0 => format!(
                    "{} connections to {server} were closed early",
                    outcome.closed
                ),
                count => format!("{count} connections to {server} wait for an answer (SYN_RECV)"),
            })
        })
    }

    /// Returns what became of the TCP connections of a service, by destination.
    fn outcomes(&self, service: &VirtualService) -> BTreeMap<SocketAddr, Outcome> {
        let mut outcomes: BTreeMap<SocketAddr, Outcome> = BTreeMap::new();
        let Some(last) = self.facts.now() else {
            return outcomes;
        };
        let of_service = last.connections.iter().filter(|connection| {
            connection.protocol == Protocol::TCP
                && !connection.is_template()
                && self.cluster.is_of_service(service, connection)
                && !self.is_unanswerable(service, connection)
        });
        for connection in of_service {
            let outcome = outcomes.entry(connection.destination).or_default();
            match connection.state.as_str() {
                "SYN_RECV" if self.facts.has_waited(last, connection) => outcome.waiting += 1,
                "SYN_RECV" | "NONE" => {}
                "CLOSE" => outcome.closed += 1,
                _ => outcome.established += 1,
            }
        }
        outcomes
    }

    fn server(&self, service: &VirtualService, destination: SocketAddr) -> String {
        self.cluster
            .node_of(service, destination.ip())
            .map_or_else(|| destination.to_string(), ToString::to_string)
    }

    fn half_open_at(
        &self,
        service: &VirtualService,
        destination: SocketAddr,
        count: usize,
    ) -> Finding {
        let name = self.cluster.node_of(service, destination.ip());
        let server = self.server(service, destination);
        let finding = self.finding(
            &HALF_OPEN,
            (
                service.service.id,
                DestinationId::new(destination.ip(), destination.port()),
            ),
            format!("{count} connections to {server} get no answer (SYN_RECV)"),
        );
        match name {
            Some(name) => finding
                .fix(format!("lvsctl check FILE --node {name}, on {name}"))
                .fix("or where that finds no error: open the firewalls on the way between client and real server"),
            None => finding
                .fix("lvsctl apply FILE, which deletes destinations that the file does not name"),
        }
    }

    /// Returns the TCP connections of a service that are not established: begun since the first reading and
    /// without an answer for a second, or asked for shortly before it and again since.
    ///
    /// A client that asks every second, as Linux does since 6.5, renews the entry each time; there the reading
    /// in the middle decides. Other entries do not show the present: they stay for a minute after their client
    /// has given up, and each may be renewed once more by what the real server repeats meanwhile.
    pub(super) fn half_open(&self, service: &VirtualService) -> Vec<&Connection> {
        let Some((first, last)) = self.facts.two_readings() else {
            return Vec::new();
        };
        let pause = last.at.saturating_sub(first.at).as_secs();
        last.connections
            .iter()
            .filter(|now| is_half_open(now) && self.cluster.is_of_service(service, now))
            .filter(|now| match first.same_connection(now) {
                Some(before) if is_half_open(before) => {
                    before.expires >= WAITED && is_renewed(before, now, pause)
                }
                _ => self.facts.has_waited(last, now),
            })
            .collect()
    }
}

/// Counts connections by what became of them.
#[derive(Default)]
struct Outcome {
    /// They have waited for an answer for a second at least.
    waiting: usize,
    /// They ended with a reset; whether they were established is not known.
    closed: usize,
    established: usize,
}

impl Facts {
    /// Returns whether a connection that is not established has waited for a second at least.
    fn has_waited(&self, last: &IpvsReading, now: &Connection) -> bool {
        let earlier = self
            .readings
            .iter()
            .filter(|reading| last.at.saturating_sub(reading.at) >= A_SECOND);
        now.expires <= WAITED
            || earlier
                .filter_map(|reading| reading.same_connection(now))
                .any(is_half_open)
    }
}

/// Returns whether an entry was renewed: otherwise it would have lost the seconds between the readings, give or
/// take one.
fn is_renewed(before: &Connection, now: &Connection, pause: u64) -> bool {
    u64::from(now.expires.0) + pause > u64::from(before.expires.0)
}

fn is_half_open(connection: &Connection) -> bool {
    connection.protocol == Protocol::TCP && connection.state == "SYN_RECV"
}

/// Returns whether two entries are of the same connection.
pub(super) fn is_same(one: &Connection, other: &Connection) -> bool {
    one.client == other.client
        && one.service == other.service
        && one.destination == other.destination
}

impl IpvsReading {
    fn same_connection(&self, other: &Connection) -> Option<&Connection> {
        self.connections
            .iter()
            .find(|connection| is_same(connection, other))
    }
}
