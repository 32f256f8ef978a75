//! One entry of the IPVS table: a service together with its destinations.

use serde::{Deserialize, Serialize};

use super::{Destination, DestinationId, DestinationStatus, Service, ServiceStatus};

/// Holds a service together with its destinations, as they are configured.
#[doc(alias = "virtual server")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceEntry {
    /// The service.
    pub service: Service,
    /// Its destinations, newest first: the order in which schedulers walk them.
    pub destinations: Vec<Destination>,
}

impl ServiceEntry {
    /// Returns an entry without destinations.
    #[must_use]
    pub const fn new(service: Service) -> Self {
        Self {
            service,
            destinations: Vec::new(),
        }
    }

    /// Returns the destination with the given identity, if the service has it.
    #[must_use]
    pub fn destination(&self, id: &DestinationId) -> Option<&Destination> {
        self.destinations
            .iter()
            .find(|destination| destination.id == *id)
    }
}

/// Holds a service together with its destinations, as the kernel reports them: with counters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceEntryStatus {
    /// The service with its counters.
    #[serde(flatten)]
    pub status: ServiceStatus,
    /// Its destinations with their counters, newest first: the order in which schedulers walk them.
    pub destinations: Vec<DestinationStatus>,
}

/// Is a table as it was read by [`Ipvs::snapshot`](super::Ipvs::snapshot).
pub type Snapshot = Vec<ServiceEntryStatus>;

impl From<ServiceEntryStatus> for ServiceEntry {
    fn from(entry: ServiceEntryStatus) -> Self {
        // Collected in place they would keep the room of their counters.
        let mut destinations = Vec::with_capacity(entry.destinations.len());
        let statuses = entry.destinations.into_iter();
        destinations.extend(statuses.map(|status| status.destination));
        Self {
            service: entry.status.service,
            destinations,
        }
    }
}
