//! Sync daemons. Two are the same if everything is: the file states all that the kernel would choose.
//!
//! The kernel allows no sync daemon beside a destination of another family than its service, and refuses the
//! later of both. So daemons that are no longer desired are stopped before destinations are added, and
//! desired ones are started after destinations are deleted.

use super::{Planner, Refusal};
use crate::cluster::Observed;
use crate::cluster::change::{ObjectId, Step};
use crate::ipvs::{Daemon, Destination, ServiceEntry, ServiceId};

impl Planner<'_> {
    /// Daemons that the cluster has started and the file no longer names.
    pub(super) fn stopped_daemons(&self, seen: &Observed) -> Vec<Step> {
        seen.daemons
            .iter()
            .filter(|daemon| self.is_former_daemon(daemon))
            .map(|daemon| Step::delete(daemon.clone(), "no longer in the file"))
            .collect()
    }

    fn is_former_daemon(&self, daemon: &Daemon) -> bool {
        let is_named = self
            .node
            .daemons
            .iter()
            .any(|desired| desired.value.role == daemon.role);
        !is_named && self.record.is_applied() && self.record.made_daemon(daemon.role)
    }

    pub(super) fn daemons(&self, seen: &Observed) -> Vec<Step> {
        let steps = self.node.daemons.iter().filter_map(|desired| {
            let daemon = desired.value.clone();
            match seen.daemon(daemon.role) {
                Some(found) if *found == daemon => None,
                Some(found) => Some(Step::edit(found.clone(), daemon, &desired.why)),
                None => Some(Step::add(daemon, &desired.why)),
            }
        });
        steps.collect()
    }

    /// Daemons and destinations that are unmanaged and exclude what is desired.
    pub(super) fn daemon_refusals(&self) -> Vec<Refusal> {
        if !self.node.daemons.is_empty() {
            return self
                .unmanaged_mixed()
                .map(|(service, destination)| {
                    Refusal::of(
                        ObjectId::Destination(service, destination.id),
                        "is of another family than its service, beside which the kernel starts no sync \
                         daemon",
                        format!(
                            "delete it, or leave [sync] out (the service {service} is not in the file)"
                        ),
                    )
                })
                .collect();
        }
        if !self.desires_mixed() {
            return Vec::new();
        }
        self.observed
            .daemons
            .iter()
            .filter(|daemon| !self.is_former_daemon(daemon))
            .map(|daemon| {
                Refusal::of(
                    ObjectId::Daemon(daemon.role),
                    "runs, and the kernel allows no destination of another family than its service \
                     beside a sync daemon",
                    format!("stop it: ipvsadm --stop-daemon {}", daemon.role),
                )
            })
            .collect()
    }

    fn desires_mixed(&self) -> bool {
        self.node.services.iter().any(|desired| {
            let family = desired.service.id.family();
            desired
                .destinations
                .iter()
                .any(|destination| destination.value.id.family() != family)
        })
    }

    fn unmanaged_mixed(&self) -> impl Iterator<Item = (ServiceId, &Destination)> {
        let unmanaged = self.observed.services().iter().filter(|found| {
            let id = &found.service.id;
            !self.node.has_virtual_ip_of(id)
                && !self
                    .node
                    .services
                    .iter()
                    .any(|desired| desired.service.id == *id)
        });
        unmanaged.flat_map(|found| mixed(found).map(|destination| (found.service.id, destination)))
    }

    /// Daemons and destinations that replace one another.
    pub(super) fn daemon_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.desires_mixed()
            && self
                .observed
                .daemons
                .iter()
                .any(|daemon| self.is_former_daemon(daemon))
        {
            notes.push(
                "connections are no longer synchronised: the kernel allows no sync daemon beside a \
                 destination of another family than its service"
                    .to_owned(),
            );
        }
        let has_mixed = self
            .observed
            .services()
            .iter()
            .any(|found| mixed(found).next().is_some());
        if has_mixed && !self.daemons(self.observed).is_empty() {
            notes.push(
                "destinations of another family than their service are deleted before the sync daemons \
                 start: the kernel does not allow both"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Returns the destinations of another family than their service.
fn mixed(found: &ServiceEntry) -> impl Iterator<Item = &Destination> {
    let family = found.service.id.family();
    found
        .destinations
        .iter()
        .filter(move |destination| destination.id.family() != family)
}
