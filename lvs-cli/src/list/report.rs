//! What `lvsctl list` reads from the kernel, which is also its JSON.

use lvs_core::ipvs::{
    Connection, Daemon, DestinationStatus, ServiceEntryStatus, ServiceStatus, Timeouts,
};
use serde::Serialize;

/// Is the JSON of a list. What was not asked for is null; services are then empty.
#[derive(Serialize)]
pub(super) struct ListReport {
    schema: &'static str,
    pub(super) loaded: bool,
    pub(super) services: Vec<ListedService>,
    pub(super) connections: Option<Vec<Connection>>,
    pub(super) timeouts: Option<Timeouts>,
    pub(super) daemons: Option<Vec<Daemon>>,
}

impl ListReport {
    pub(super) const fn new(loaded: bool) -> Self {
        Self {
            schema: "lvsctl.list/1",
            loaded,
            services: Vec::new(),
            connections: None,
            timeouts: None,
            daemons: None,
        }
    }
}

/// Is a service of the kernel with its destinations in the kernel's order.
#[derive(Serialize)]
pub(super) struct ListedService {
    #[serde(flatten)]
    pub(super) status: ServiceStatus,
    pub(super) destinations: Vec<DestinationStatus>,
}

impl From<ServiceEntryStatus> for ListedService {
    fn from(entry: ServiceEntryStatus) -> Self {
        Self {
            status: entry.status,
            destinations: entry.destinations,
        }
    }
}
