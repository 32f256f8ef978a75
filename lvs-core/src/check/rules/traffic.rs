//! What connections tell: whether they come about, whether answers pass, whether all get their share.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::clients::is_hopeless;
use super::half_open::{HALF_OPEN, stalled};
use super::thresholds::is_full;
use crate::check::kind::{FindingKind, kinds};
use crate::check::scene::{director_here, is_of, machine};
use crate::check::{Facts, Finding, IpvsReading, ListedService};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{Forwarding, ServiceId, Weight};

kinds! {
    NO_ANSWERS = "LVS037", Error, Traffic,
    title: "Packets come in and none go out",
    impact: "no answer passes the director, so none is rewritten, and clients drop what reaches them",
    explanation: "With masquerading both directions pass the director and both are counted. Packets in without packets out mean that the real servers answer another way \
        (their gateway is not the director, or the client is their neighbour) or that the director does not forward. \
        With direct routing no packets out are normal.";

    ONE_GETS_ALL = "LVS038", Warning, Traffic,
    title: "One real server gets everything",
    impact: "the others idle",
    explanation: "All connections that were counted between two readings went to one destination although others have weight. Persistence with a wide mask, \
        a hashing scheduler with few clients, or a least-connection scheduler whose other servers are stuck do that. Look at scheduler, persistence and thresholds.";

    NO_TRAFFIC = "LVS042", Note, Traffic,
    title: "No traffic was seen",
    impact: "nothing could be learnt from connections",
    explanation: "Nothing moved between the two readings of the table, so the signs that only traffic gives could not be judged. \
        Send a few requests from a client while check runs. If clients do send, the virtual IP is answered for by another machine: use --arp.";
}

/// So many stalled connections are no accident: a client that went away leaves one or two.
const STALLED: usize = 2;
/// From so many new connections on, all of them at one of several servers is no accident.
const ONE_SIDED: u64 = 8;
/// A request without an answer is repeated a few times before anybody can say that none is coming.
const UNANSWERED: u64 = 3;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| director_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    // Clients do not come to that one of two directors that waits.
    let readings = facts.two_readings().filter(|_| !facts.is_standby());
    let Some((first, last)) = readings else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut moved = false;
    for service in cluster.services() {
        let id = service.service.id;
        let (Some(before), Some(after)) = (first.service(&id), last.service(&id)) else {
            continue;
        };
        let seen = Seen {
            cluster,
            facts,
            service,
            before,
            after,
        };
        moved |= seen.new_packets().0 > 0 || seen.new_connections() > 0;
        moved |= seen.is_asked(first, last);
        found.extend(seen.half_open());
        found.extend(seen.no_answers());
        found.extend(seen.one_gets_all());
    }
    if !moved && facts.ipvs_loaded != Some(false) {
        let seen = "nothing moved between two readings of the table";
        found.push(NO_TRAFFIC.finding("traffic", seen).on(&facts.node));
    }
    found
}

/// A service in two readings.
struct Seen<'a> {
    cluster: &'a Cluster,
    facts: &'a Facts,
    service: &'a VirtualService,
    before: &'a ListedService,
    after: &'a ListedService,
}

impl Seen<'_> {
    fn id(&self) -> ServiceId {
        self.service.service.id
    }

    fn finding(&self, kind: &FindingKind, object: impl std::fmt::Display, seen: String) -> Finding {
        kind.finding(object, seen).on(&self.facts.node)
    }

    /// Packets in and out between the readings. Counters that were zeroed meanwhile count nothing.
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

    /// Whether a connection began. Counters may be some seconds late, connections are not.
    fn is_asked(&self, first: &IpvsReading, last: &IpvsReading) -> bool {
        let clients = |reading: &IpvsReading| -> BTreeSet<SocketAddr> {
            let connections = reading.connections.iter();
            let ours = connections.filter(|it| is_of(self.cluster, self.service, it));
            ours.map(|it| it.client).collect()
        };
        !clients(last).is_subset(&clients(first))
    }

    /// The destinations whose connections do not come about. Clients that no real server could answer
    /// have findings of their own.
    fn half_open(&self) -> Vec<Finding> {
        let stalled = stalled(self.cluster, self.facts, self.service).into_iter();
        let others = stalled.filter(|it| !is_hopeless(self.cluster, self.facts, self.service, it));
        let mut counts: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        for connection in others {
            *counts.entry(connection.destination).or_default() += 1;
        }
        let found = counts.into_iter().filter(|(_, count)| *count >= STALLED);
        found
            .map(|(destination, count)| self.half_open_at(destination, count))
            .collect()
    }

    fn half_open_at(&self, destination: SocketAddr, count: usize) -> Finding {
        let name = machine(self.cluster, self.service, destination.ip());
        let who = name.map_or_else(|| destination.to_string(), ToString::to_string);
        let seen = format!("{count} connections to {who} get no answer (SYN_RECV)");
        let object = format!("{destination} of {}", self.id());
        let finding = self.finding(&HALF_OPEN, object, seen);
        match name {
            Some(name) => finding.fix(format!("lvsctl check FILE --node {name}, on {name}")),
            None => finding.fix("lvsctl apply, which removes destinations the file does not name"),
        }
    }

    /// Only where everything is masqueraded: other answers do not pass here.
    fn no_answers(&self) -> Option<Finding> {
        let mut methods = self
            .after
            .destinations
            .iter()
            .map(|it| it.destination.forwarding);
        let masquerades = methods.all(|method| method == Forwarding::Masquerade);
        let taking = self
            .after
            .destinations
            .iter()
            .any(|it| it.destination.weight != Weight::DRAIN);
        let (packets_in, packets_out) = self.new_packets();
        let silent = packets_in >= UNANSWERED && packets_out == 0;
        let seen = format!("{packets_in} packets came in, none went out");
        (masquerades && taking && silent).then(|| {
            self.finding(&NO_ANSWERS, self.id(), seen)
                .fix("lvsctl check FILE --node REAL-SERVER, on each real server")
        })
    }

    fn one_gets_all(&self) -> Option<Finding> {
        let before = |id| {
            self.before
                .destinations
                .iter()
                .find(move |it| it.destination.id == id)
        };
        let grown: Vec<_> = self
            .after
            .destinations
            .iter()
            .filter(|it| it.destination.weight != Weight::DRAIN && !is_full(it))
            .map(|it| {
                let old = before(it.destination.id).map_or(0, |old| old.stats.connections);
                (it.destination.id, it.stats.connections.saturating_sub(old))
            })
            .collect();
        let total: u64 = grown.iter().map(|(_, count)| count).sum();
        let (winner, count) = grown.iter().max_by_key(|(_, count)| *count)?;
        let one_sided = grown.len() > 1 && *count == total && total >= ONE_SIDED;
        let meant = matches!(self.service.service.scheduler.as_str(), "fo" | "ovf");
        let seen = format!("all {total} connections went to {winner}");
        (one_sided && !meant).then(|| {
            self.finding(&ONE_GETS_ALL, self.id(), seen)
                .fix("in the file: another scheduler, or a narrower persistence netmask")
        })
    }
}
