//! The whole table, read so that it is known to have stood like this.

use std::collections::{BTreeMap, BTreeSet};

use super::message::IpvsMessage;
use super::{DestinationId, DestinationStatus, Ipvs, ServiceId, ServiceStatus};
use crate::error::{Cause, Error, Operation, Result};

/// How often the table is read in the hope of reading it twice the same.
const ROUNDS: usize = 8;

type Table = Vec<(ServiceStatus, Vec<DestinationStatus>)>;
type Identities = BTreeMap<ServiceId, BTreeSet<DestinationId>>;

impl Ipvs {
    /// All services with their destinations (newest first, the order of the kernel's schedulers).
    /// Services come in the kernel's hash order, which means nothing and may change.
    ///
    /// The kernel has no atomic reading: entries that come or go meanwhile make others appear twice
    /// or not at all. So the table is read until the same services and destinations were seen twice
    /// in a row; the values are those of the last reading.
    ///
    /// # Errors
    /// [`is_unsettled`](Error::is_unsettled) if no two readings of 8 in a row agree; otherwise as
    /// [`services`](Self::services).
    pub fn snapshot(&mut self) -> Result<Table> {
        let mut before = identities(&self.read_table()?);
        for _ in 1..ROUNDS {
            let table = self.read_table()?;
            let after = identities(&table);
            if before == after {
                return Ok(table);
            }
            before = after;
        }
        let operation = Operation::new("read the IPVS table", "");
        Err(Error::new(operation, Cause::Unsettled).advise("somebody keeps changing it; try again"))
    }

    /// One reading. A service that has gone meanwhile has no destinations, and will be missed by
    /// the next one.
    fn read_table(&mut self) -> Result<Table> {
        let services = self.services()?;
        services
            .into_iter()
            .map(|status| {
                let destinations = self.dump_destinations(&status.service.id)?;
                Ok((status, destinations))
            })
            .collect()
    }

    /// The destinations of a service; none if there is no such service.
    pub(super) fn dump_destinations(&mut self, id: &ServiceId) -> Result<Vec<DestinationStatus>> {
        let operation = Operation::new("list destinations of", id);
        let replies = self.list(&operation, &IpvsMessage::GetDest(*id))?;
        let mut seen = BTreeSet::new();
        let statuses = replies.into_iter().filter_map(|reply| match reply {
            IpvsMessage::Dest(status) => Some(status),
            _ => None,
        });
        Ok(statuses
            .filter(|status| seen.insert(status.destination.id))
            .collect())
    }
}

fn identities(table: &Table) -> Identities {
    let ids = |destinations: &[DestinationStatus]| {
        destinations
            .iter()
            .map(|status| status.destination.id)
            .collect()
    };
    table
        .iter()
        .map(|(status, destinations)| (status.service.id, ids(destinations)))
        .collect()
}
