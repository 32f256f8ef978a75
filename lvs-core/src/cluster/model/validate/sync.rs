//! A synchronisation of connections that the kernel would refuse, or accept without any effect.

use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::cluster::model::sync::Sync;
use crate::ipvs::Family;

impl Cluster {
    pub(in crate::cluster::model) fn validate_sync(
        &self,
        sync: &Sync,
    ) -> Result<(), DocumentError> {
        if !sync.group.is_multicast() {
            return Err(DocumentError::new(
                DocumentErrorKind::InvalidValue,
                "group",
                format!("{} is not a multicast address", sync.group),
            )
            .with_hint("write a group like 224.0.0.81, or leave it out"));
        }
        if sync.max_length < Sync::SHORTEST {
            return Err(DocumentError::new(
                DocumentErrorKind::OutOfRange,
                "max-length",
                format!(
                    "{} is below {}, the smallest buffer of a receiver",
                    sync.max_length,
                    Sync::SHORTEST
                ),
            ));
        }
        match self.destination_of_another_family() {
            Some(place) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "",
                format!(
                    "the kernel synchronises no connections beside {place}, which is of another family \
                     than its service"
                ),
            )
            .with_hint(
                "leave [sync] out, or give the real server an address of the service's family",
            )),
            None => Ok(()),
        }
    }

    /// Returns the path of the first destination of another family than its service.
    fn destination_of_another_family(&self) -> Option<String> {
        for (i, service) in self.services.iter().enumerate() {
            for (k, destination) in service.destinations.iter().enumerate() {
                let family = self.real_ip(service, destination).map(Family::from);
                if family.is_some_and(|family| family != service.service.id.family()) {
                    return Some(format!(
                        "{}.{}",
                        self.index.places.service(i),
                        self.index.places.destination(i, k)
                    ));
                }
            }
        }
        None
    }
}
