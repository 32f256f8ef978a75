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
    services: OnceCell<HashMap<ServiceId, &'a ServiceEntry>>,
    destinations: OnceCell<HashMap<(ServiceId, DestinationId), &'a Destination>>,
    marked: OnceCell<HashSet<IpAddr>>,
}

impl<'a> ObservedIndex<'a> {
    pub(in crate::cluster) const fn new(observed: &'a Observed) -> Self {
        Self {
            observed,
            services: OnceCell::new(),
            destinations: OnceCell::new(),
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
        let services = self.services.get_or_init(|| {
            self.observed
                .services()
                .iter()
                .map(|found| (found.service.id, found))
                .collect()
        });
        services.get(id).copied()
    }

    pub(in crate::cluster) fn destination(
        &self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<&'a Destination> {
        let destinations = self.destinations.get_or_init(|| {
            self.observed
                .services()
                .iter()
                .flat_map(|found| {
                    let of_it = found.destinations.iter();
                    of_it.map(|destination| ((found.service.id, destination.id), destination))
                })
                .collect()
        });
        destinations.get(&(*service, *id)).copied()
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
