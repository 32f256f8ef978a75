//! What many steps do, in time that grows with their number only.

use std::collections::HashMap;

use super::{IpvsState, Observed};
use crate::cluster::change::{Action, BoundDestination, Change};
use crate::ipvs::{Destination, ServiceId};

type Changes<'a> = Vec<&'a Change<BoundDestination>>;

impl Observed {
    /// What the machine looks like after some steps in a row.
    pub(in crate::cluster) fn apply<'a>(&mut self, actions: impl IntoIterator<Item = &'a Action>) {
        let mut run: Changes<'a> = Vec::new();
        for action in actions {
            if let Action::Destination(change) = action {
                run.push(change);
            } else {
                self.apply_run(&std::mem::take(&mut run));
                action.effect(self);
            }
        }
        self.apply_run(&run);
    }

    /// Destinations only: the service of each is looked up once.
    fn apply_run(&mut self, run: &[&Change<BoundDestination>]) {
        let mut changes: HashMap<ServiceId, Changes<'_>> = HashMap::new();
        for change in run {
            if let Some(bound) = change.newest() {
                changes.entry(bound.service).or_default().push(change);
            }
        }
        let IpvsState::Loaded { services, .. } = &mut self.ipvs else {
            // No service, no destinations.
            return;
        };
        for found in services {
            if let Some(changes) = changes.get(&found.service.id) {
                set_destinations(&mut found.destinations, changes);
            }
        }
    }
}

/// A new destination goes to the head of the list, an edited one stays where it is.
pub(super) fn set_destinations(list: &mut Vec<Destination>, changes: &[&Change<BoundDestination>]) {
    let mut after: HashMap<_, _> = changes
        .iter()
        .filter_map(|change| Some((change.newest()?.destination.id, change.after())))
        .collect();
    list.retain_mut(|found| match after.remove(&found.id) {
        None => true,
        Some(Some(bound)) => {
            *found = bound.destination;
            true
        }
        Some(None) => false,
    });
    let newest_first = changes.iter().rev();
    let added: Vec<_> = newest_first
        .filter_map(|change| after.remove(&change.newest()?.destination.id)?)
        .map(|bound| bound.destination)
        .collect();
    list.splice(0..0, added);
}
