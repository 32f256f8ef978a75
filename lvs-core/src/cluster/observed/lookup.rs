//! Finding many objects of one observation.

use std::collections::HashMap;

use super::Observed;
use crate::cluster::change::{BoundDestination, Object, ObjectId};
use crate::ipvs::{ServiceEntry, ServiceId};

/// Finds objects as [`Observed::find`] does, in time that does not grow with the number of services.
pub(in crate::cluster) struct Lookup<'a> {
    observed: &'a Observed,
    services: HashMap<ServiceId, &'a ServiceEntry>,
}

impl Observed {
    /// Returns what finds many of its objects.
    pub(in crate::cluster) fn lookup(&self) -> Lookup<'_> {
        let services = self.services().iter();
        Lookup {
            observed: self,
            services: services.map(|entry| (entry.service.id, entry)).collect(),
        }
    }
}

impl Lookup<'_> {
    pub(in crate::cluster) fn find(&self, id: &ObjectId) -> Option<Object> {
        match id {
            ObjectId::Service(id) => Some(self.services.get(id)?.service.clone().into()),
            ObjectId::Destination(service, id) => {
                let destinations = &self.services.get(service)?.destinations;
                let destination = destinations.iter().find(|found| found.id == *id)?;
                Some(Object::Destination(BoundDestination {
                    service: *service,
                    destination: *destination,
                }))
            }
            other => self.observed.find(other),
        }
    }
}
