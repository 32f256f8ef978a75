//! Connections that are not established, because the client gets no answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::check::command;
use crate::check::finding::Finding;
use crate::check::index::{Outcome, Seen};
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::DirectorScene;
use crate::check::severity::Severity;
use crate::check::words::counted;
use crate::cluster::VirtualService;
use crate::ipvs::{Connection, DestinationId, Protocol};

kinds! {
    HALF_OPEN = "LVS036", Error, Traffic,
    title: "Connections are not established",
    impact: "clients of this real server wait until they give up",
    explanation: "\
        Connections stay in SYN_RECV between two readings: the request was forwarded, and the client \
        never answered, because no answer has reached it. The real server drops the request (no virtual \
        IP, rp_filter, a firewall, powered off), or its answer is lost on the way (gateway, \
        anti-spoofing of a cloud). Where other clients are answered, only those count that ask again: a \
        scan or flood with forged addresses leaves such connections, too. Where they are too few to be \
        sure it is a warning. Run check on the real server; where that finds nothing, another host may \
        have its address, which --arp shows. Where the director can tell the cause itself, it names that \
        instead.";
}

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
        let outcomes = self.outcomes(service);
        let is_any_established = outcomes.values().any(|counts| counts.established_now > 0);
        let judge = |(destination, counts): (SocketAddr, Outcomes)| {
            let count = match counts {
                // Others are answered: one that does not ask again is no client, but a scan with a forged address.
                Outcomes {
                    established_now: 1..,
                    ..
                } if self.facts.are_requests_seen() => counts.asking,
                // So is one that was answered through this director.
                _ if is_any_established => counts.certain - counts.silent,
                // Where no client was answered at all, those who have given up confirm one who waits.
                Outcomes {
                    certain: 1..,
                    established: 0,
                    ..
                } => counts.waiting + counts.given_up,
                _ => counts.certain,
            };
            let (count, is_clear) = match (count, counts.suspicious()) {
                (SEVERAL.., _) => (count, counts.silent != counts.certain),
                (_, Some(count)) => (count, false),
                _ => return None,
            };
            let finding = self.half_open_at(service, destination, count);
            Some(match is_clear {
                true => finding,
                // Addresses may be forged, or answers are lost behind this director.
                false => finding.severity(Severity::Warning),
            })
        };
        outcomes.into_iter().filter_map(judge).collect()
    }

    /// Returns why the connections do not show that clients are answered: one that waits is enough. One whose client
    /// has given up says nothing of the present where others have been established since.
    pub(in crate::check) fn waiting(&self) -> Option<String> {
        self.traffic()
            .iter()
            .find_map(|traffic| {
                self.outcomes(traffic.service)
                    .into_iter()
                    .find_map(|(destination, counts)| {
                        let server = self.server(traffic.service, destination);
                        counts.doubt(&server)
                    })
            })
            .or_else(|| self.stalled())
            .or_else(|| self.unheard())
            .or_else(|| self.unanswered_datagrams())
            .or_else(|| self.unserved())
    }

    /// Returns which connections are established, and make no progress.
    fn stalled(&self) -> Option<String> {
        self.facts
            .requests
            .iter()
            .filter(|requests| !requests.stalled.is_empty())
            .map(|requests| (requests.stalled.len(), requests.address))
            .max()
            .map(|(count, own)| {
                format!(
                    "{} to {own} the same data again and again: long packets may be lost on the way; run lvsctl check \
                     on the real servers",
                    counted(count, "client sends", "clients send")
                )
            })
    }

    /// Returns which clients were connected and wait for data: the program may be slow, or hang.
    fn unserved(&self) -> Option<String> {
        let waiting = self
            .facts
            .requests
            .iter()
            .find(|requests| !requests.unserved.is_empty())?;
        Some(format!(
            "{} of {} connected, sent data and got none for a second: the program is slow, or hangs",
            counted(waiting.unserved.len(), "client", "clients"),
            waiting.address
        ))
    }

    /// Returns the number of clients that gave up before the readings, at services that have answered others since.
    pub(in crate::check) fn given_up(&self) -> usize {
        self.traffic()
            .iter()
            .flat_map(|traffic| self.outcomes(traffic.service).into_values())
            .map(|counts| counts.given_up)
            .sum()
    }

    /// Returns what became of the TCP connections of a service, by destination.
    fn outcomes(&self, service: &VirtualService) -> BTreeMap<SocketAddr, Outcomes> {
        let mut outcomes: BTreeMap<SocketAddr, Outcomes> = BTreeMap::new();
        let connections = self.index.connections(&service.service.id).iter();
        for seen in connections.filter(|seen| {
            seen.now.protocol == Protocol::TCP && !self.is_unanswerable(service, seen.now)
        }) {
            let counts = outcomes.entry(seen.now.destination).or_default();
            counts.add(seen);
            if seen.is_certain() {
                counts.asking += usize::from(self.asks_again(seen.now));
                counts.silent += usize::from(self.is_silent(seen.now));
            }
        }
        outcomes
    }

    /// Returns whether the client of a connection was seen to ask for it again.
    fn asks_again(&self, connection: &Connection) -> bool {
        let requests = self.facts.requests_at(connection.service);
        requests.is_some_and(|seen| {
            seen.repeated.contains(&connection.client) || seen.lost.contains(&connection.client)
        })
    }

    /// Returns whether the client of a connection was answered through this director, and has been silent since, as one
    /// with a forged address is.
    fn is_silent(&self, connection: &Connection) -> bool {
        let requests = self.facts.requests_at(connection.service);
        requests.is_some_and(|seen| {
            seen.silent.contains(&connection.client) && !seen.lost.contains(&connection.client)
        })
    }

    pub(super) fn server(&self, service: &VirtualService, destination: SocketAddr) -> String {
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
            format!(
                "{} no answer (SYN_RECV)",
                counted(
                    count,
                    &format!("connection to {server} gets"),
                    &format!("connections to {server} get")
                )
            ),
        );
        match name {
            Some(name) => self
                .with_search(finding.fix(format!("lvsctl check FILE --node {name}  # on {name}")), destination.ip())
                .fix("or where that finds no error: open the firewalls on the way between client and real server"),
            None => match self.index.other_service(service.service.id, destination) {
                Some(other) => finding
                    .fix(format!("{}  # it takes packets of {}", command::delete_service(other), service.service.id)),
                None => finding
                    .fix("lvsctl apply FILE  # deletes destinations that the file does not name"),
            },
        }
    }

    /// Adds how to find another host with a real server's address, which only its neighbours can tell.
    fn with_search(&self, finding: Finding, real_ip: IpAddr) -> Finding {
        match sharing_network(&self.facts.addresses, real_ip).next() {
            Some(_) => finding.fix(format!(
                "or where that finds no error: lvsctl check FILE --arp  # here: another host may have {real_ip}"
            )),
            None => finding,
        }
    }

    /// Returns the TCP connections of a service whose clients certainly wait for an answer.
    pub(super) fn half_open(&self, service: &VirtualService) -> impl Iterator<Item = &Connection> {
        self.index
            .connections(&service.service.id)
            .iter()
            .filter(|seen| seen.now.protocol == Protocol::TCP && seen.is_certain())
            .map(|seen| seen.now)
    }
}

/// Counts connections by what became of them.
#[derive(Default)]
struct Outcomes {
    waiting: usize,
    /// Those of the waiting whose clients have certainly not given up.
    certain: usize,
    /// Those of them whose clients were seen to ask again.
    asking: usize,
    /// Those of them whose clients were answered, and have been silent since.
    silent: usize,
    given_up: usize,
    /// The seconds since the last one that was given up.
    silent_for: Option<u32>,
    closed: usize,
    established: usize,
    /// Those that were established during the readings.
    established_now: usize,
}

impl Outcomes {
    fn add(&mut self, seen: &Seen<'_>) {
        match seen.outcome() {
            Outcome::Fresh => {}
            Outcome::Waiting => {
                self.waiting += 1;
                self.certain += usize::from(seen.is_certain());
            }
            Outcome::GivenUp => {
                self.given_up += 1;
                let since = seen.silent_for();
                self.silent_for = Some(self.silent_for.map_or(since, |least| least.min(since)));
            }
            Outcome::Closed => self.closed += 1,
            Outcome::EstablishedNow => {
                self.established += 1;
                self.established_now += 1;
            }
            Outcome::Established => self.established += 1,
        }
    }

    /// Returns the number of connections without an answer, where one waits that is not the only one and none has been
    /// established: too few to be sure.
    fn suspicious(&self) -> Option<usize> {
        // Those that were answered and have been silent since are no clients.
        let count = self.waiting + self.given_up - self.silent;
        let is_dead = self.established == 0 && self.closed == 0 && self.certain > self.silent;
        (is_dead && count >= SEVERAL).then_some(count)
    }

    /// Returns why they do not show that a real server answers.
    fn doubt(&self, server: &str) -> Option<String> {
        let connections = |count: &usize, one: &str, several: &str| {
            let one = format!("connection to {server} {one}");
            counted(*count, &one, &format!("connections to {server} {several}"))
        };
        match self {
            Self {
                waiting: count @ 1..,
                ..
            } => Some(format!(
                "{} for an answer (SYN_RECV)",
                connections(count, "waits", "wait")
            )),
            Self {
                given_up: count @ 1..,
                silent_for: Some(seconds),
                established_now: 0,
                ..
            } => Some(format!(
                "{}, the last one {seconds} s ago (SYN_RECV), and none was established during the check: ask the service \
                 and check again",
                connections(
                    count,
                    "got no answer until its client gave up",
                    "got no answer until their clients gave up"
                )
            )),
            Self {
                closed: count @ 1..,
                established: 0,
                ..
            } => Some(connections(count, "was closed early", "were closed early")),
            _ => None,
        }
    }
}
