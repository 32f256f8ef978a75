//! Drains on record of real servers that the file does not have: they wait for one that comes to the address.

use std::collections::HashSet;

use super::Planner;

impl Planner<'_> {
    /// Returns a note for each drain on record that no destination of the file has.
    pub(super) fn drain_notes(&self) -> Vec<String> {
        let drains = self.record.drains_in(self.node);
        if drains.is_empty() {
            return Vec::new();
        }
        let services = self.node.services.iter();
        let drained: HashSet<_> = services
            .flat_map(|service| &service.drained)
            .map(|drained| drained.id)
            .collect();
        drains
            .keys()
            .filter(|drain| !drained.iter().any(|id| drain.matches(id)))
            .map(|drain| {
                format!(
                    "{drain} stays drained, although the file has no such destination: `lvsctl undrain {drain}` ends that"
                )
            })
            .collect()
    }
}
