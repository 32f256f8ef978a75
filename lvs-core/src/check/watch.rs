//! Watching a node for a while: packets of clients, connections that no program accepts, and packets that are dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::datagrams::DatagramsFact;
use super::facts::Facts;
use super::gather::NET;
use super::requests::RequestsFact;
use super::{procfs, sockets};
use crate::host::Host;
use crate::ipvs::Family;
use crate::net::{Arrival, Arrivals, Exchanges, Peer, Qdisc};

/// A program that is well accepts a connection within this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Holds what was read when the watch began, with the packets since then.
pub(super) struct Watch {
    since: Instant,
    /// `None` without the privilege.
    arrivals: Option<Arrivals>,
    unaccepted: BTreeSet<(SocketAddr, SocketAddr)>,
    unread: BTreeSet<SocketAddr>,
    overflows: u64,
    /// How many datagrams programs had read.
    read: ReadDatagrams,
    qdiscs: Vec<Qdisc>,
}

impl Watch {
    pub(super) fn begin(host: &mut Host) -> Self {
        Self {
            since: Instant::now(),
            arrivals: Arrivals::open().ok(),
            unaccepted: unaccepted(),
            unread: unread(),
            overflows: overflows(),
            read: ReadDatagrams::now(),
            qdiscs: host.net().qdiscs().unwrap_or_default(),
        }
    }

    /// Waits until then, and notes the packets that are wanted meanwhile.
    pub(super) fn wait(&mut self, until: Instant, is_wanted: impl Fn(&Arrival) -> bool) {
        if let Some(arrivals) = &mut self.arrivals {
            // What was seen before it failed counts.
            let _ = arrivals.watch(until, is_wanted);
        }
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    /// Returns the clients of datagrams, and of connections that had time to be established.
    pub(super) fn clients(&self) -> BTreeSet<Peer> {
        self.seen().flat_map(Exchanges::clients).collect()
    }

    /// Returns what was seen of packets, if anything.
    fn seen(&self) -> impl Iterator<Item = &Exchanges> {
        self.arrivals.iter().map(Arrivals::seen)
    }

    /// Adds what was seen.
    pub(super) fn end(self, host: &mut Host, facts: &mut Facts) {
        facts.requests = self.requests();
        if self.since.elapsed() >= PATIENCE {
            facts.unaccepted = unaccepted()
                .intersection(&self.unaccepted)
                .copied()
                .collect();
            facts.undrained = unread().intersection(&self.unread).copied().collect();
        }
        facts.datagrams = self.datagrams();
        facts.overflows = overflows().saturating_sub(self.overflows);
        let now = host.net().qdiscs().unwrap_or_default();
        facts.qdiscs = now
            .into_iter()
            .map(|qdisc| qdisc.since(&self.qdiscs))
            .collect();
    }

    fn datagrams(&self) -> Vec<DatagramsFact> {
        let mut found = BTreeMap::new();
        for seen in self.seen().flat_map(Exchanges::datagrams) {
            found
                .entry(seen.own)
                .or_insert_with(|| DatagramsFact::new(seen.own))
                .add(&seen);
        }
        let (now, queued) = (ReadDatagrams::now(), unread());
        for (own, datagrams) in &mut found {
            let family = Family::from(own.ip());
            let read = now.since(&self.read, family);
            let is_queued = queued.iter().any(|queue| queue.port() == own.port());
            let is_lost = read.is_some_and(|read| read.saturating_mul(2) < datagrams.count);
            datagrams.undelivered = !is_queued && is_lost;
        }
        found.into_values().collect()
    }

    fn requests(&self) -> Vec<RequestsFact> {
        let mut found = BTreeMap::new();
        for seen in self.seen().flat_map(Exchanges::requests) {
            found
                .entry(seen.own)
                .or_insert_with(|| RequestsFact::new(seen.own))
                .add(&seen);
        }
        for (own, client) in self.seen().flat_map(Exchanges::stalled) {
            let requests = found.entry(own).or_insert_with(|| RequestsFact::new(own));
            requests.stalled.insert(client);
        }
        found.into_values().collect()
    }
}

/// Returns the own and the other end of the connections that wait until a program accepts them.
fn unaccepted() -> BTreeSet<(SocketAddr, SocketAddr)> {
    ["tcp", "tcp6"]
        .iter()
        .map(|file| fs::read_to_string(format!("{NET}/{file}")).unwrap_or_default())
        .flat_map(|text| sockets::unaccepted(&text).collect::<Vec<_>>())
        .collect()
}

/// Returns the sockets with datagrams that no program has read.
fn unread() -> BTreeSet<SocketAddr> {
    ["udp", "udp6"]
        .iter()
        .map(|file| fs::read_to_string(format!("{NET}/{file}")).unwrap_or_default())
        .flat_map(|text| sockets::unread(&text).collect::<Vec<_>>())
        .collect()
}

/// Holds how many datagrams programs have read, as far as that can be read itself.
struct ReadDatagrams {
    ipv4: Option<u64>,
    ipv6: Option<u64>,
}

impl ReadDatagrams {
    fn now() -> Self {
        let file = |name: &str| fs::read_to_string(format!("{NET}/{name}")).unwrap_or_default();
        Self {
            ipv4: procfs::datagrams(&file("snmp")),
            ipv6: procfs::datagrams6(&file("snmp6")),
        }
    }

    /// Returns how many were read since; `None` if that is not known, which proves no loss.
    fn since(&self, before: &Self, family: Family) -> Option<u64> {
        let (now, before) = match family {
            Family::Ipv4 => (self.ipv4, before.ipv4),
            Family::Ipv6 => (self.ipv6, before.ipv6),
        };
        now?.checked_sub(before?)
    }
}

/// Returns how many connections were dropped because a program did not accept those before them.
fn overflows() -> u64 {
    let text = fs::read_to_string(format!("{NET}/netstat")).unwrap_or_default();
    procfs::overflows(&text).unwrap_or_default()
}
