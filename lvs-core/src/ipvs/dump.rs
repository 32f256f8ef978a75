//! One dump of a list, and whether two of them agree.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DestinationId, DestinationStatus, Service, ServiceEntryStatus, ServiceId, ServiceStatus,
    Snapshot,
};

/// Is implemented by entries that dumps are compared by: an entry may change while it is read, but it
/// must not appear or disappear.
pub(super) trait Identified {
    type Id: Copy + Ord;

    fn id(&self) -> Self::Id;
}

impl Identified for ServiceStatus {
    type Id = ServiceId;

    fn id(&self) -> ServiceId {
        self.service.id
    }
}

impl Identified for Service {
    type Id = ServiceId;

    fn id(&self) -> ServiceId {
        self.id
    }
}

impl Identified for ServiceId {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

impl Identified for DestinationStatus {
    type Id = DestinationId;

    fn id(&self) -> DestinationId {
        self.destination.id
    }
}

/// Holds the entries of one dump.
#[derive(Debug)]
pub(super) struct Dump<T: Identified> {
    /// The entries in the kernel's order, each once.
    pub(super) items: Vec<T>,
    /// Ascending, each once.
    ids: Vec<T::Id>,
    /// Whether nothing in the dump shows that the list changed meanwhile.
    pub(super) is_stable: bool,
}

impl<T: Identified> Dump<T> {
    /// Collects the entries of a dump.
    ///
    /// An entry that appears twice was pushed back past the place where the kernel had stopped, by an
    /// entry that was added before it.
    pub(super) fn new(mut items: Vec<T>) -> Self {
        let mut ids: Vec<_> = items.iter().map(Identified::id).collect();
        ids.sort_unstable();
        let is_stable = ids.windows(2).all(|two| two.first() != two.last());
        if !is_stable {
            ids.dedup();
            let mut seen = BTreeSet::new();
            items.retain(|item| seen.insert(item.id()));
        }
        Self {
            items,
            ids,
            is_stable,
        }
    }

    /// Returns whether both dumps are stable and contain the same entries, in any order.
    pub(super) fn agrees<U: Identified<Id = T::Id>>(&self, other: &Dump<U>) -> bool {
        self.is_stable && other.is_stable && self.ids == other.ids
    }

    /// Returns this dump if the other one agrees; otherwise the union of both, which is not stable.
    pub(super) fn confirmed_by(mut self, other: Self) -> Self {
        self.is_stable = self.agrees(&other);
        if !self.is_stable {
            let Self { items, ids, .. } = &mut self;
            let others = other.items.into_iter();
            items.extend(others.filter(|item| ids.binary_search(&item.id()).is_err()));
            ids.extend(other.ids);
            ids.sort_unstable();
            ids.dedup();
        }
        self
    }
}

/// Returns everything that any of the tables contains, ordered by identity, with the latest values.
pub(super) fn union(tables: impl IntoIterator<Item = Snapshot>) -> Snapshot {
    let mut services: BTreeMap<_, (_, BTreeMap<_, _>)> = BTreeMap::new();
    for entry in tables.into_iter().flatten() {
        let (latest, known) = services
            .entry(entry.status.id())
            .or_insert_with(|| (entry.status.clone(), BTreeMap::new()));
        *latest = entry.status;
        known.extend(
            entry
                .destinations
                .into_iter()
                .map(|status| (status.id(), status)),
        );
    }
    services
        .into_values()
        .map(|(status, destinations)| ServiceEntryStatus {
            status,
            destinations: destinations.into_values().collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{Destination, Forwarding, SchedulerName, Service, Stats};

    fn service(port: u16) -> ServiceStatus {
        let id = ServiceId::tcp(([192, 0, 2, 1], port).into());
        ServiceStatus {
            service: Service::new(id, SchedulerName::RR),
            stats: Stats::default(),
        }
    }

    fn destination(port: u16, active: u32) -> DestinationStatus {
        let id = DestinationId::new([192, 0, 2, 2].into(), port);
        DestinationStatus {
            destination: Destination::new(id, Forwarding::Masquerade),
            active,
            inactive: 0,
            persistent: 0,
            stats: Stats::default(),
        }
    }

    fn dump(ports: &[u16]) -> Dump<ServiceStatus> {
        Dump::new(ports.iter().map(|port| service(*port)).collect())
    }

    #[test]
    fn order_is_no_difference() {
        assert!(dump(&[1, 2, 3]).agrees(&dump(&[3, 1, 2])));
        assert!(dump(&[]).agrees(&dump(&[])));
    }

    #[test]
    fn one_entry_more_or_less_is_a_difference() {
        assert!(!dump(&[1, 2]).agrees(&dump(&[1, 2, 3])));
        assert!(!dump(&[1, 2]).agrees(&dump(&[1])));
        assert!(!dump(&[1, 2]).agrees(&dump(&[1, 3])));
    }

    #[test]
    fn a_duplicate_makes_a_dump_unstable_even_if_the_entries_are_the_same() {
        let twice = dump(&[1, 2, 1]);
        assert_eq!(twice.items, [service(1), service(2)]);
        assert!(!twice.agrees(&dump(&[1, 2])));
        assert!(!dump(&[1, 2]).agrees(&twice));
    }

    #[test]
    fn an_unconfirmed_dump_is_the_union_of_both() {
        let both = dump(&[1, 2]).confirmed_by(dump(&[2, 3]));
        assert_eq!(both.items, [service(1), service(2), service(3)]);
        assert!(!both.is_stable);
        assert!(dump(&[1, 2]).confirmed_by(dump(&[2, 1])).is_stable);
    }

    #[test]
    fn the_union_has_all_and_the_latest_values() {
        let entry = |port, destinations| ServiceEntryStatus {
            status: service(port),
            destinations,
        };
        let first = vec![
            entry(2, vec![destination(9, 1), destination(8, 1)]),
            entry(1, vec![]),
        ];
        let second = vec![
            entry(3, vec![]),
            entry(2, vec![destination(9, 5), destination(7, 5)]),
        ];
        let all = vec![
            entry(1, vec![]),
            entry(
                2,
                vec![destination(7, 5), destination(8, 1), destination(9, 5)],
            ),
            entry(3, vec![]),
        ];
        assert_eq!(union([first, second]), all);
    }
}
