//! Services that refuse every client because their real servers are drained: no step shows it, for a drain stays
//! whatever a file says.

use std::collections::BTreeSet;

use super::Planner;
use crate::cluster::{DesiredService, Drain, Observed, ObservedIndex, Role};
use crate::ipvs::{Destination, ServiceId, Weight};

/// So many real servers are named.
const NAMED: usize = 3;

impl Planner<'_> {
    /// Returns a note for each service on this node that refuses its clients once the plan is done, although its file
    /// gives drained destinations a weight.
    pub(super) fn refused_notes(&self, after: &Observed) -> Vec<String> {
        let after = ObservedIndex::new(after);
        self.node
            .services
            .iter()
            .filter(|desired| self.is_drained_here(desired))
            .filter(|desired| {
                after.service(&desired.service.id).is_some_and(|found| {
                    let mut destinations = found.destinations.iter();
                    destinations.all(|found| found.weight == Weight::DRAIN)
                })
            })
            .map(|desired| self.refused_note(desired))
            .collect()
    }

    /// Returns whether clients reach the service here, and drains delete weights of it.
    fn is_drained_here(&self, desired: &DesiredService) -> bool {
        let has_weight = |destination: &Destination| destination.weight > Weight::DRAIN;
        !desired.is_probe()
            && desired.drained.iter().any(has_weight)
            && !self.is_absent(&desired.service.id)
            && !self.is_left_to_health(desired)
    }

    /// Returns whether a controller may give another destination, or the fallback, a weight.
    fn is_left_to_health(&self, desired: &DesiredService) -> bool {
        let mut destinations = desired.destinations.iter();
        desired.follows_health(self.record)
            && destinations.any(|found| !desired.is_drained(&found.value.id))
    }

    /// Returns whether this node does not carry the virtual IP of a service, as a standby, or because of health.
    fn is_absent(&self, id: &ServiceId) -> bool {
        let ServiceId::Socket { address, .. } = id else {
            return self.node.role == Some(Role::Standby);
        };
        let mut absent = self.node.absent.iter();
        absent.any(|absent| absent.value.id.network.addr() == address.ip())
    }

    fn refused_note(&self, desired: &DesiredService) -> String {
        let ids = || desired.drained.iter().map(|drained| drained.id);
        let drained: BTreeSet<_> = ids()
            .map(|id| match self.node.servers.get(&id.address) {
                Some(name) => name.to_string(),
                None => id.to_string(),
            })
            .collect();
        let mut named: Vec<_> = drained.iter().take(NAMED).cloned().collect();
        if let more @ 1.. = drained.len().saturating_sub(NAMED) {
            named.push(format!("{more} more"));
        }
        let drains = self.record.drains_in(self.node);
        let on_record = |drain: &&Drain| ids().any(|id| drain.matches(&id));
        let hint = match drains.keys().find(on_record) {
            Some(drain) => format!("`lvsctl undrain {drain}` restores a weight"),
            None => "end a drain in the file".to_owned(),
        };
        format!(
            "{}: every destination has weight 0 (drained: {}): all new connections are refused; {hint}",
            desired.service.id,
            named.join(", ")
        )
    }
}
