//! Counts for metrics that outlive the kernel's: they never fall while the controller runs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::health::{Outcome, Target};
use crate::ipvs::{DestinationId, ServiceEntryStatus, ServiceId, Stats};

/// What identifies the series of a destination.
pub(super) type Key = (ServiceId, DestinationId);

/// Counts of probes and of traffic.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) checks: BTreeMap<Key, CheckCounts>,
    services: BTreeMap<ServiceId, Total>,
    destinations: BTreeMap<Key, Total>,
    node: Total,
}

/// Counts of the probes of a destination.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CheckCounts {
    pub(super) failures: u64,
    /// Of the last probe.
    pub(super) duration: Duration,
}

/// A sum of counters that may begin anew, and the last reading of them.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    sum: Stats,
    last: Stats,
}

impl Counters {
    pub(super) fn count(&mut self, target: Option<&Target>, took: Duration, outcome: &Outcome) {
        let Some(target) = target else {
            return;
        };
        let subject = &target.subject;
        let counts = self
            .checks
            .entry((subject.service, subject.destination))
            .or_default();
        counts.duration = took;
        counts.failures += u64::from(outcome.is_err());
    }

    /// Returns the counts of the whole node.
    pub(super) fn of_node(&mut self, totals: Stats) -> Stats {
        self.node.add(totals)
    }

    /// Returns the counts of a service, and of its destinations in their order.
    pub(super) fn totals(&mut self, entry: &ServiceEntryStatus) -> (Stats, Vec<Stats>) {
        let id = entry.status.service.id;
        let service = self.services.entry(id).or_default().add(entry.status.stats);
        let destinations = entry.destinations.iter().map(|status| {
            let key = (id, status.destination.id);
            self.destinations.entry(key).or_default().add(status.stats)
        });
        (service, destinations.collect())
    }
}

impl Total {
    fn add(&mut self, now: Stats) -> Stats {
        let new = now.since(self.last);
        self.last = now;
        self.sum = Stats {
            connections: self.sum.connections + new.connections,
            packets_in: self.sum.packets_in + new.packets_in,
            packets_out: self.sum.packets_out + new.packets_out,
            bytes_in: self.sum.bytes_in + new.bytes_in,
            bytes_out: self.sum.bytes_out + new.bytes_out,
            rates: now.rates,
        };
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_never_falls() {
        let stats = |connections| Stats {
            connections,
            ..Stats::default()
        };
        let mut total = Total::default();
        let sums = [5, 9, 2, 2, 3].map(|count| total.add(stats(count)).connections);
        assert_eq!(sums, [5, 9, 11, 11, 12]);
    }
}
