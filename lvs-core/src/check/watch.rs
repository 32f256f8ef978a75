//! Watching a node for a while: packets of clients, connections that no program accepts, and packets that are dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use super::facts::Facts;
use super::gather::NET;
use super::requests::RequestsFact;
use super::{procfs, sockets};
use crate::host::Host;
use crate::net::{Answer, Arrival, Arrivals, Qdisc};

/// Holds what was read when the watch began, with the packets since then.
pub(super) struct Watch {
    /// `None` without the privilege.
    arrivals: Option<Arrivals>,
    unaccepted: BTreeSet<(SocketAddr, SocketAddr)>,
    overflows: u64,
    qdiscs: Vec<Qdisc>,
}

impl Watch {
    pub(super) fn begin(host: &mut Host) -> Self {
        Self {
            arrivals: Arrivals::open().ok(),
            unaccepted: unaccepted(),
            overflows: overflows(),
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

    /// Returns the own and the other end of datagrams, and of connections that had to be asked for again.
    pub(super) fn clients(&self) -> BTreeSet<(SocketAddr, SocketAddr)> {
        let arrivals = self.arrivals.iter();
        arrivals.flat_map(Arrivals::clients).collect()
    }

    /// Adds what was seen.
    pub(super) fn end(self, host: &mut Host, facts: &mut Facts) {
        facts.requests = self.requests();
        facts.unaccepted = unaccepted()
            .intersection(&self.unaccepted)
            .copied()
            .collect();
        facts.overflows = overflows().saturating_sub(self.overflows);
        let now = host.net().qdiscs().unwrap_or_default();
        facts.qdiscs = now
            .into_iter()
            .map(|qdisc| qdisc.since(&self.qdiscs))
            .collect();
    }

    fn requests(&self) -> Vec<RequestsFact> {
        let mut found = BTreeMap::new();
        for (own, client, answer) in self.arrivals.iter().flat_map(Arrivals::requests) {
            let requests = found.entry(own).or_insert_with(|| RequestsFact::new(own));
            match answer {
                Answer::Given => requests.answered += 1,
                Answer::Refused => requests.refused += 1,
                Answer::Nothing => drop(requests.unanswered.insert(client)),
            }
        }
        for (own, client) in self.arrivals.iter().flat_map(Arrivals::stalled) {
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

/// Returns how many connections were dropped because a program did not accept those before them.
fn overflows() -> u64 {
    let text = fs::read_to_string(format!("{NET}/netstat")).unwrap_or_default();
    procfs::overflows(&text).unwrap_or_default()
}
