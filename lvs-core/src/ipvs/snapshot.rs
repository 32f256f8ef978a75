//! Snapshots: the whole table, read so that no entry that exists all the time can be missing.
//!
//! The kernel has no atomic read. It dumps a list in datagrams of up to 32 KiB and remembers between two
//! of them only *how many* entries it has sent: if an earlier entry was deleted meanwhile, the next one
//! is skipped, although it existed all the time; if an entry was added, the last one is sent twice.
//! Nothing in the dump indicates this (`NLM_F_DUMP_INTR` is never set).
//!
//! Therefore every list that is longer than one datagram is read twice. Two dumps that are cut at the
//! same places can skip the same entry: while a program deleted and added one service over and over,
//! every ninth pair of dumps agreed and had lost the same one (measured on kernel 6.1). The second dump
//! is therefore made on a socket with less room, whose datagrams end elsewhere: to hide one entry from
//! both, as many others would have to be added and deleted unseen as there are between the two cuts.

use super::channel::Channel;
use super::dump::{Dump, Identified, union};
use super::{
    DestinationStatus, Ipvs, ServiceEntry, ServiceEntryStatus, ServiceId, ServiceStatus, Snapshot,
};
use crate::error::{Cause, Error, Operation, Result};

/// The number of rounds in which the table may settle.
const ROUNDS: usize = 8;

impl Ipvs {
    /// Reads all services with their destinations, newest first: the order of the kernel's schedulers.
    ///
    /// Services come in the kernel's hash order, which has no meaning and may change.
    ///
    /// The kernel has no atomic read: entries that are added or deleted meanwhile make others appear
    /// twice or not at all. Therefore services are read before and after the destinations, and long
    /// lists of destinations twice, until all dumps agree on which entries exist. An entry that exists
    /// from the beginning to the end is then in the snapshot; an entry that was added or deleted
    /// meanwhile may be.
    ///
    /// Before something whole is added or deleted because of a snapshot, read that one
    /// [`service`](Self::service), which is exact.
    ///
    /// # Errors
    /// [`is_unsettled`](Error::is_unsettled) if the dumps of 8 rounds do not agree: [`Error::seen`] has
    /// the union of them. Otherwise as [`services`](Self::services).
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        let operation = Operation::new("read the IPVS table", "");
        self.settle(operation, |ipvs, round| match round % 2 {
            0 => Ok(ipvs.channel.services()?.0),
            _ => Ok(ipvs.second.services()?.0),
        })
    }

    /// Reads only the given services, as many of them as exist, as [`snapshot`](Self::snapshot) does.
    ///
    /// Changes of other services neither matter nor cost anything.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Ipvs, ServiceId};
    /// let http: ServiceId = "tcp 172.16.5.11:80".parse()?;
    /// let mut ipvs = Ipvs::open()?;
    /// match ipvs.snapshot_of(&[http])?.as_slice() {
    ///     [entry] => println!("{:?} {:?}", entry.status, entry.destinations),
    ///     _ => println!("{http} does not exist"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn snapshot_of(&mut self, services: &[ServiceId]) -> Result<Snapshot> {
        let object = format!("{} services", services.len());
        let operation = Operation::new("read from the IPVS table", object);
        self.settle(operation, |ipvs, _| ipvs.channel.existing(services))
    }

    /// Reads the configuration of the whole table as [`snapshot`](Self::snapshot) does. Of hundreds of thousands of
    /// destinations the counters are most.
    pub(crate) fn entries(&mut self) -> Result<Vec<ServiceEntry>> {
        let (before, _) = self.channel.services_as(|status| status.service)?;
        let (lists, is_stable) =
            self.read_all_destinations(&before, |status| status.destination)?;
        let (after, _) = self.second.services_as(|status| status.service.id)?;
        if !is_stable || !before.agrees(&after) {
            return Ok(self.snapshot()?.into_iter().map(Into::into).collect());
        }
        let entries = before.items.into_iter().zip(lists);
        let entry = |(service, destinations)| ServiceEntry {
            service,
            destinations,
        };
        Ok(entries.map(entry).collect())
    }

    /// Reads rounds of services, destinations, services, until one round is consistent; the services
    /// after one round are those before the next. `services` is given the number of its call, from 0.
    fn settle(
        &mut self,
        operation: Operation,
        mut services: impl FnMut(&mut Self, usize) -> Result<Dump<ServiceStatus>>,
    ) -> Result<Snapshot> {
        let mut seen = Vec::new();
        let mut before = services(self, 0)?;
        for round in 1..=ROUNDS {
            let (destinations, is_stable) = self.read_all_destinations(&before, |status| status)?;
            let after = services(self, round)?;
            let is_settled = is_stable && before.agrees(&after);
            let table = entries(before.items, destinations);
            if is_settled {
                return Ok(table);
            }
            seen.push(table);
            before = after;
        }
        let without_destinations = std::iter::repeat_with(Vec::new);
        seen.push(entries(before.items, without_destinations));
        Err(unsettled(operation, union(seen)))
    }

    /// Reads the services until two dumps agree.
    pub(super) fn agreed_services(&mut self) -> Result<Vec<ServiceStatus>> {
        self.agreed(Channel::services)?.map_err(|seen| {
            let operation = Operation::new("list services", "");
            unsettled(operation, entries(seen, std::iter::repeat_with(Vec::new)))
        })
    }

    /// Reads the destinations of a service until two dumps agree.
    pub(super) fn agreed_destinations(&mut self, id: &ServiceId) -> Result<Vec<DestinationStatus>> {
        match self.agreed(|channel| channel.destinations(id))? {
            Ok(list) => Ok(list),
            Err(seen) => {
                let service = self.service(id)?;
                let operation = Operation::new("list destinations of", id);
                Err(unsettled(operation, entries(vec![service], [seen])))
            }
        }
    }

    /// Reads a list until two dumps of it agree, alternating between the sockets; one that fits one
    /// datagram agrees with itself. The inner error is what the last dump contained.
    fn agreed<T: Identified>(
        &mut self,
        dump: impl Fn(&mut Channel) -> Result<(Dump<T>, usize)>,
    ) -> Result<Result<Vec<T>, Vec<T>>> {
        let (mut before, passes) = dump(&mut self.channel)?;
        if passes < 2 && before.is_stable {
            return Ok(Ok(before.items));
        }
        for round in 1..=ROUNDS {
            let channel = match round % 2 {
                0 => &mut self.channel,
                _ => &mut self.second,
            };
            let (after, _) = dump(channel)?;
            if before.agrees(&after) {
                return Ok(Ok(after.items));
            }
            before = after;
        }
        Ok(Err(before.items))
    }

    /// Returns what is made of the destinations of these services, and whether all lists were stable.
    fn read_all_destinations<D>(
        &mut self,
        services: &Dump<impl Identified<Id = ServiceId>>,
        of: impl Fn(DestinationStatus) -> D,
    ) -> Result<(Vec<Vec<D>>, bool)> {
        let mut lists = Vec::with_capacity(services.items.len());
        let mut is_stable = true;
        for service in &services.items {
            let list = self.read_destinations(&service.id())?;
            is_stable &= list.is_stable;
            // A list that is collected in place would keep the room of what was read; so that is used for the next one.
            let mut items = Vec::with_capacity(list.items.len());
            items.extend(list.items.into_iter().map(&of));
            lists.push(items);
        }
        Ok((lists, is_stable))
    }

    /// Reads the destinations of a service; a service that does not exist has none. A list that fits
    /// one datagram is dumped under one lock and is therefore consistent.
    fn read_destinations(&mut self, id: &ServiceId) -> Result<Dump<DestinationStatus>> {
        let (list, passes) = self.channel.destinations(id)?;
        if passes < 2 {
            return Ok(list);
        }
        let (again, _) = self.second.destinations(id)?;
        Ok(list.confirmed_by(again))
    }
}

fn unsettled(operation: Operation, seen: Snapshot) -> Error {
    Error::new(operation, Cause::Unsettled)
        .with_hint("another program keeps changing it; try again")
        .with_payload(seen)
}

fn entries(
    services: Vec<ServiceStatus>,
    destinations: impl IntoIterator<Item = Vec<DestinationStatus>>,
) -> Snapshot {
    services
        .into_iter()
        .zip(destinations)
        .map(|(status, destinations)| ServiceEntryStatus {
            status,
            destinations,
        })
        .collect()
}

impl Error {
    /// Returns what was read of an IPVS table that kept changing ([`Cause::Unsettled`]).
    ///
    /// After a [`snapshot`](Ipvs::snapshot) these are the services and destinations that any of the dumps
    /// contained, ordered by identity; after a list, what its last dump contained. Some of them have been
    /// deleted, and some that exist may be missing.
    #[must_use]
    pub fn seen(&self) -> Option<&Snapshot> {
        self.payload()
    }
}
