//! What one reading of a list showed, and whether two of them tell the same story.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DestinationId, DestinationStatus, ServiceEntryStatus, ServiceId, ServiceStatus, Snapshot,
};

/// What a reading is compared by: an entry may change while it is read, but not come or go.
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

impl Identified for DestinationStatus {
    type Id = DestinationId;

    fn id(&self) -> DestinationId {
        self.destination.id
    }
}

/// One reading of a list.
#[derive(Debug)]
pub(super) struct Dump<T: Identified> {
    /// In the kernel's order, each once.
    pub(super) items: Vec<T>,
    ids: BTreeSet<T::Id>,
    /// Nothing in it shows that the list changed meanwhile.
    pub(super) calm: bool,
}

impl<T: Identified> Dump<T> {
    /// An entry that comes twice was pushed back past the place where the kernel had stopped: by
    /// one that came before it.
    pub(super) fn new(entries: impl Iterator<Item = T>) -> Self {
        let mut ids = BTreeSet::new();
        let mut calm = true;
        let items = entries.filter(|entry| {
            let new = ids.insert(entry.id());
            calm &= new;
            new
        });
        Self {
            items: items.collect(),
            ids,
            calm,
        }
    }

    /// Whether both are calm and saw the same entries, in whatever order.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.calm && other.calm && self.ids == other.ids
    }

    /// This reading if the other one agrees; or all that both saw, which is not calm.
    pub(super) fn confirmed_by(mut self, other: Self) -> Self {
        self.calm = self.agrees(&other);
        for entry in other.items {
            if self.ids.insert(entry.id()) {
                self.items.push(entry);
            }
        }
        self
    }
}

/// All that was seen in any of the tables, in the order of identities; the values are the latest.
pub(super) fn union(tables: impl IntoIterator<Item = Snapshot>) -> Snapshot {
    let mut services: BTreeMap<_, (_, BTreeMap<_, _>)> = BTreeMap::new();
    for ServiceEntryStatus {
        status,
        destinations,
    } in tables.into_iter().flatten()
    {
        let entry = services.entry(status.id());
        let (latest, known) = entry.or_insert_with(|| (status.clone(), BTreeMap::new()));
        *latest = status;
        known.extend(destinations.into_iter().map(|status| (status.id(), status)));
    }
    let services = services.into_values();
    services
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

    fn reading(ports: &[u16]) -> Dump<ServiceStatus> {
        Dump::new(ports.iter().map(|port| service(*port)))
    }

    #[test]
    fn order_is_no_difference() {
        assert!(reading(&[1, 2, 3]).agrees(&reading(&[3, 1, 2])));
        assert!(reading(&[]).agrees(&reading(&[])));
    }

    #[test]
    fn one_more_or_less_is() {
        assert!(!reading(&[1, 2]).agrees(&reading(&[1, 2, 3])));
        assert!(!reading(&[1, 2]).agrees(&reading(&[1])));
        assert!(!reading(&[1, 2]).agrees(&reading(&[1, 3])));
    }

    #[test]
    fn a_duplicate_spoils_it_even_where_the_entries_are_the_same() {
        let twice = reading(&[1, 2, 1]);
        assert_eq!(twice.items, [service(1), service(2)]);
        assert!(!twice.agrees(&reading(&[1, 2])));
        assert!(!reading(&[1, 2]).agrees(&twice));
    }

    #[test]
    fn what_is_not_confirmed_is_kept_with_what_the_other_saw() {
        let both = reading(&[1, 2]).confirmed_by(reading(&[2, 3]));
        assert_eq!(both.items, [service(1), service(2), service(3)]);
        assert!(!both.calm);
        assert!(reading(&[1, 2]).confirmed_by(reading(&[2, 1])).calm);
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
