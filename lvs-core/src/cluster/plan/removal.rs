//! Removing a cluster from a node.

use super::cleanup::{Cleanup, Extent};
use super::draft::Draft;
use super::{Plan, unmanaged};
use crate::cluster::{DesiredState, Observed, Record};

impl Plan {
    /// Returns the way to a node without the cluster where no record knows its original configuration.
    ///
    /// Only what cannot belong to anything else is deleted: services on the virtual IPs, virtual IPs of
    /// real servers, and those of the file's virtual or floating addresses and host routes that carry our
    /// protocol number. The node's own addresses, a default route, the state of a link and sysctls stay,
    /// because they may have been there before, and the node may be reached by them. (Only the kernel
    /// itself may remove a route with an interface's last address; the plan notes that.)
    #[must_use]
    pub fn removal(node: &DesiredState, observed: &Observed) -> Self {
        let unknown = Record::new(node.cluster.clone(), node.name.clone());
        Self::removal_with_record(node, observed, &unknown)
    }

    /// Returns the way to the original configuration of a node.
    #[must_use]
    pub fn removal_with_record(node: &DesiredState, observed: &Observed, record: &Record) -> Self {
        Self::removal_with_records(node, observed, record, &[])
    }

    /// Returns the way to the original configuration of a node, except what other clusters on it need.
    #[must_use]
    pub fn removal_with_records(
        node: &DesiredState,
        observed: &Observed,
        record: &Record,
        others: &[Record],
    ) -> Self {
        let cleanup = Cleanup {
            node,
            observed,
            record,
            others,
            extent: Extent::All,
        };
        let mut draft = Draft::new(node, observed);
        draft.phases(&cleanup, &Cleanup::PHASES);
        let mut notes = cleanup.notes();
        notes.extend(draft.route_notes());
        let unmanaged = unmanaged::objects(node, observed, record);
        Self {
            role: None,
            nftables: None,
            ..draft.plan(Vec::new(), unmanaged, notes)
        }
    }
}

impl Cleanup<'_> {
    /// Returns what a removal leaves.
    fn notes(&self) -> Vec<String> {
        let unknown = self
            .found_virtual_ips(self.observed)
            .filter(|found| !self.is_ours(found));
        let mut notes: Vec<_> = unknown
            .map(|found| format!("{} stays: it may have existed before the cluster", found.id))
            .collect();
        if !self.record.is_applied() {
            notes.push(
                "without a record of the original configuration, the node's own addresses, its default \
                 route, link states and sysctls stay unchanged"
                    .to_owned(),
            );
        }
        let changed = self.record.changed_since(self.observed);
        notes.extend(changed.map(|entry| {
            let id = entry.id();
            let what = id.what();
            format!("{what} {id} stays unchanged: it was modified after the last apply")
        }));
        if self.node.nftables.is_some() {
            let table = &self.node.cluster;
            notes.push(format!(
                "the nftables rules of the table lvs-{table} stay unchanged"
            ));
        }
        notes
    }
}
