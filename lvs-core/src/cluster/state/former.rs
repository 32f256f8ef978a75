//! Records of a node or a cluster that has another name by now: they move to the new name.

use super::record_file::RecordFile;
use super::{Session, StateDir, Unread};
use crate::cluster::change::Object;
use crate::cluster::plan::Refusal;
use crate::cluster::{
    ApplyError, ClusterName, DesiredState, NodeKind, Observed, Plan, Record, Role,
};
use crate::error::{Error, Result};

/// Holds what the state directory knows of a node.
pub(super) struct Known {
    /// The record by which the node is changed, under the names that the file has.
    pub(super) record: Record,
    /// The record under another name that it was, if it has not moved yet.
    pub(super) former: Option<Former>,
    /// The virtual IPs that other clusters have on this node.
    pub(super) claims: Vec<Refusal>,
    /// Why records of other clusters could not be read.
    pub(super) unread: Vec<String>,
    /// The records of the other clusters that are on this node.
    pub(super) others: Vec<Record>,
}

/// A record that moves when it is first written under its new name.
pub(super) struct Former {
    cluster: ClusterName,
    from: RecordFile,
    to: RecordFile,
    /// The record that has the new name now: of a cluster that was removed, or empty.
    replaced: Record,
    note: String,
}

impl Former {
    pub(super) const fn cluster(&self) -> &ClusterName {
        &self.cluster
    }
}

impl Known {
    /// Returns the notes of a plan: that it moves the record, and which records could not be read.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.former
            .as_ref()
            .map(|former| former.note.clone())
            .into_iter()
            .chain(self.unread.iter().cloned())
    }

    /// Returns the plan of a removal. Without an applied record of its own it must not take the virtual IPs
    /// of another cluster away.
    pub(super) fn removal(&self, node: &DesiredState, observed: &Observed) -> Plan {
        let mut plan = Plan::removal_with_records(node, observed, &self.record, &self.others);
        plan.notes.extend(self.notes());
        if !self.record.is_applied() {
            plan.refusals.extend(self.claims.iter().cloned());
        }
        plan
    }
}

impl StateDir {
    /// Returns what is known of a node that is applied, and why its own record cannot be read, which does not
    /// prevent that a director becomes active: clients wait.
    pub(super) fn known_of_role(&self, node: &DesiredState) -> Result<(Known, Option<Error>)> {
        let is_active = node.role == Some(Role::Active);
        match self.own_record(node) {
            Err(error) if is_active => {
                let nothing = Record::new(node.cluster.clone(), node.name.clone());
                let known = self.known_by(node, nothing, self.readable(), |_| false);
                Ok((known, Some(error)))
            }
            _ => Ok((self.known(node)?, None)),
        }
    }

    /// Returns what is known of a node that is applied. Without a record of its own that is applied, it is that
    /// of the same node under a former name.
    pub(super) fn known(&self, node: &DesiredState) -> Result<Known> {
        let own = self.own_record(node)?;
        let others = self.readable_beside(node);
        Ok(self.known_by(node, own, others, |record| {
            record.is_former_node(node) || record.is_former_cluster(node)
        }))
    }

    /// Returns what is known of a node that is removed. Only an apply says that a cluster was renamed: the
    /// record of another cluster stays that of the other cluster.
    pub(super) fn known_for_removal(&self, node: &DesiredState) -> Result<Known> {
        let own = self.own_record(node)?;
        let others = self.readable_beside(node);
        Ok(self.known_by(node, own, others, |record| record.is_former_node(node)))
    }

    fn known_by(
        &self,
        node: &DesiredState,
        own: Record,
        (mut others, unread): (Vec<Record>, Vec<Unread>),
        is_former: impl Fn(&Record) -> bool,
    ) -> Known {
        let unread = unread.iter().map(Unread::note).collect();
        let former = others
            .iter()
            .position(|record| !own.is_applied() && record.is_applied() && is_former(record))
            .map(|place| others.remove(place));
        let claims = others.iter().flat_map(|record| record.claims(node));
        let claims = claims.collect();
        others.retain(|record| record.is_applied() && record.cluster != node.cluster);
        match former {
            None => Known {
                record: own,
                former: None,
                claims,
                unread,
                others,
            },
            Some(former) => Known {
                former: Some(Former {
                    cluster: former.cluster.clone(),
                    from: self.record_file(&former.cluster, &former.node),
                    to: self.record_file(&node.cluster, &node.name),
                    note: former.renamed(node),
                    replaced: own.clone(),
                }),
                record: former.of(node, own),
                claims,
                unread,
                others,
            },
        }
    }
}

impl Record {
    /// Returns whether it is of a node of the same cluster that the file does not have any more: one host is
    /// one node of a cluster.
    fn is_former_node(&self, node: &DesiredState) -> bool {
        self.cluster == node.cluster && !node.nodes.contains(&self.node)
    }

    /// Returns whether it is of another cluster with the same virtual IPs, whose services the file names all.
    fn is_former_cluster(&self, node: &DesiredState) -> bool {
        let same = match node.kind {
            NodeKind::Director => self.virtual_ips.is_subset(&node.virtual_ips),
            NodeKind::RealServer => self.virtual_ips == *node.virtual_ips,
        };
        let names_services = self.entries().all(|entry| match entry.newest() {
            // Marks of probes are those of the cluster's name.
            Object::Service(service) => {
                self.probes.contains(&service.id) || node.names_service(&service.id)
            }
            _ => true,
        });
        let is_node = self.node == node.name || !node.nodes.contains(&self.node);
        let is_other = self.cluster != node.cluster && is_node;
        is_other && same && names_services && !self.virtual_ips.is_empty()
    }

    /// Returns the record under the names that the file has now. What drains there stays drained.
    fn of(self, node: &DesiredState, own: Self) -> Self {
        let mut drains = own.drains;
        drains.extend(self.drains);
        Self {
            cluster: node.cluster.clone(),
            node: node.name.clone(),
            drains,
            ..self
        }
    }

    fn renamed(&self, node: &DesiredState) -> String {
        let (cluster, name) = (&self.cluster, &self.node);
        format!(
            "the record of the node {name} of the cluster {cluster} becomes that of {} of {}: it was renamed",
            node.name, node.cluster
        )
    }
}

impl Session {
    /// Moves a record to its new name, if it has one.
    pub(super) fn take(&self, former: Option<&Former>) -> Result<()> {
        match former {
            Some(former) => former.from.rename(&former.to),
            None => Ok(()),
        }
    }

    /// Moves a record back if everything was rolled back.
    pub(super) fn give_back(&self, former: Option<&Former>, done: &Result<Plan, ApplyError>) {
        let is_clean = done.as_ref().is_err_and(ApplyError::is_clean);
        let has_moved = |former: &&Former| former.from.exists().is_ok_and(|exists| !exists);
        let Some(former) = former.filter(|_| is_clean).filter(has_moved) else {
            return;
        };
        let _ = former.to.rename(&former.from);
        if !former.replaced.is_empty() {
            let _ = former.to.write(&former.replaced);
        }
    }
}
