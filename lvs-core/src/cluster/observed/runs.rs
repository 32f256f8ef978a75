//! What many steps do, in time that grows with their number only.

use std::collections::HashMap;

use super::{IpvsState, Observed};
use crate::cluster::change::{Change, Object};
use crate::ipvs::{Destination, DestinationId, ServiceId};

/// A destination as it is after a change; `None` if it is deleted.
pub(super) type DestinationChange = (DestinationId, Option<Destination>);

impl Observed {
    /// Does what the kernel does when it is told to make some changes in a row.
    pub(in crate::cluster) fn apply<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Change<Object>>,
    ) {
        let mut run: HashMap<ServiceId, Vec<DestinationChange>> = HashMap::new();
        for change in changes {
            if let Object::Destination(bound) = change.newest() {
                let after = change.after().map(|_| bound.destination);
                let changes = run.entry(bound.service).or_default();
                changes.push((bound.destination.id, after));
            } else {
                self.apply_run(&std::mem::take(&mut run));
                self.change(change);
            }
        }
        self.apply_run(&run);
    }

    /// Changes of destinations only: the service of each is looked up once.
    fn apply_run(&mut self, run: &HashMap<ServiceId, Vec<DestinationChange>>) {
        let IpvsState::Loaded { services, .. } = &mut self.ipvs else {
            // No service, no destinations.
            return;
        };
        for found in services {
            if let Some(changes) = run.get(&found.service.id) {
                set_destinations(&mut found.destinations, changes);
            }
        }
    }
}

/// A new destination goes to the head of the list, an edited one stays where it is.
pub(super) fn set_destinations(list: &mut Vec<Destination>, changes: &[DestinationChange]) {
    let mut after: HashMap<_, _> = changes.iter().copied().collect();
    list.retain_mut(|found| match after.remove(&found.id) {
        None => true,
        Some(Some(destination)) => {
            *found = destination;
            true
        }
        Some(None) => false,
    });
    let newest_first = changes.iter().rev();
    list.splice(0..0, newest_first.filter_map(|(id, _)| after.remove(id)?));
}
