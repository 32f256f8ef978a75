//! Many objects found by their identity: each at once, the kernel's table of services included.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Observed;
use crate::cluster::change::{BoundDestination, Object, ObjectId};
use crate::ipvs::{Destination, DestinationId, ServiceEntry, ServiceId};
use crate::net::Address;

/// An observation with an index of its services and destinations, made when it is first needed.
pub(in crate::cluster) struct ObservedIndex<'a> {
    pub(in crate::cluster) observed: &'a Observed,
    services: OnceCell<HashMap<ServiceId, IndexedService<'a>>>,
    marked: OnceCell<HashSet<IpAddr>>,
}

/// A service with an index of its destinations: there may be millions in the table, and hundreds of a service.
pub(in crate::cluster) struct IndexedService<'a> {
    pub(in crate::cluster) entry: &'a ServiceEntry,
    /// Ascending.
    destinations: OnceCell<Vec<&'a Destination>>,
}

impl<'a> IndexedService<'a> {
    pub(super) const fn new(entry: &'a ServiceEntry) -> Self {
        Self {
            entry,
            destinations: OnceCell::new(),
        }
    }

    pub(in crate::cluster) fn destination(&self, id: &DestinationId) -> Option<&'a Destination> {
        let destinations = self.destinations.get_or_init(|| {
            let mut destinations: Vec<_> = self.entry.destinations.iter().collect();
            destinations.sort_by_key(|found| found.id);
            destinations
        });
        let place = destinations.binary_search_by_key(id, |found| found.id);
        destinations.get(place.ok()?).copied()
    }
}

impl<'a> ObservedIndex<'a> {
    pub(in crate::cluster) const fn new(observed: &'a Observed) -> Self {
        Self {
            observed,
            services: OnceCell::new(),
            marked: OnceCell::new(),
        }
    }

    /// Returns the object of this identity; `None` if it does not exist.
    pub(in crate::cluster) fn find(&self, id: &ObjectId) -> Option<Object> {
        match id {
            ObjectId::Service(id) => Some(self.service(id)?.service.clone().into()),
            ObjectId::Destination(service, id) => Some(Object::Destination(BoundDestination {
                service: *service,
                destination: *self.destination(service, id)?,
            })),
            other => self.observed.find(other),
        }
    }

    pub(in crate::cluster) fn service(&self, id: &ServiceId) -> Option<&'a ServiceEntry> {
        Some(self.indexed(id)?.entry)
    }

    pub(in crate::cluster) fn destination(
        &self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<&'a Destination> {
        self.indexed(service)?.destination(id)
    }

    /// Returns a service in which destinations are found at once.
    pub(in crate::cluster) fn indexed(&self, id: &ServiceId) -> Option<&IndexedService<'a>> {
        let services = self.services.get_or_init(|| {
            let found = self.observed.services().iter();
            found
                .map(|found| (found.service.id, IndexedService::new(found)))
                .collect()
        });
        services.get(id)
    }

    /// Returns whether the address of a service carries the mark of an apply.
    pub(in crate::cluster) fn marks_address_of(&self, id: &ServiceId) -> bool {
        let ServiceId::Socket { address, .. } = id else {
            return false;
        };
        let marked = self.marked.get_or_init(|| {
            self.observed
                .addresses
                .iter()
                .filter(|found| found.protocol == Address::PROTOCOL)
                .map(|found| found.id.network.addr())
                .collect()
        });
        marked.contains(&address.ip())
    }
}
