//! Drains on record, and the plans that carry them out.

use std::collections::BTreeSet;

use super::{Drain, Draining, WHY_TEMPLATES, how};
use crate::cluster::ObservedIndex;
use crate::cluster::Record;
use crate::cluster::change::{BoundDestination, Change, Object, ObjectId, Reason, Setting, Step};
use crate::cluster::plan::{Phase, PhaseName, Plan};
use crate::cluster::state::Drained;
use crate::cluster::{NodeKind, Observed};
use crate::ipvs::{Destination, DestinationId, ServiceId, Weight};
use crate::sysctl::SysctlKey;

const WHY: &str = "drained";
const WHY_RESTORED: &str = "no longer drained";

impl Record {
    /// Returns the record as it must be written before a real server is drained by some addresses; `None` if none
    /// of them is of a destination of the cluster.
    #[doc(hidden)]
    #[must_use]
    pub fn before_draining(
        &self,
        drains: &[Drain],
        how: Draining,
        observed: &Observed,
    ) -> Option<Self> {
        let mut record = self.clone();
        let new = self
            .own_destinations(observed)
            .filter(|(service, destination)| {
                drains.iter().any(|drain| drain.matches(&destination.id))
                    && self.weight_for_later(service, &destination.id).is_none()
            })
            .map(|(service, destination)| Drained {
                service,
                destination,
                by_file: false,
            });
        record.drained.extend(new);
        let known = |drain: &&Drain| {
            record
                .drained
                .iter()
                .any(|drained| drain.matches(&drained.destination.id))
        };
        let known: Vec<_> = drains
            .iter()
            .filter(known)
            .map(|drain| (*drain, how))
            .collect();
        if known.is_empty() {
            return None;
        }
        record.drains.extend(known);
        record.record_templates(observed);
        Some(record)
    }

    /// Returns the record without some drains, and the destinations whose weight is to be restored; `None` if
    /// there is none of them.
    #[doc(hidden)]
    #[must_use]
    pub fn without_drains(&self, drains: &[Drain]) -> Option<(Self, Vec<BoundDestination>)> {
        let mut record = self.clone();
        let ended: Vec<_> = drains
            .iter()
            .filter(|drain| record.drains.remove(drain).is_some())
            .collect();
        if ended.is_empty() {
            return None;
        }
        let (restored, still): (Vec<_>, Vec<_>) =
            self.drained.iter().cloned().partition(|drained| {
                let id = &drained.destination.id;
                ended.iter().any(|drain| drain.matches(id))
                    && !drained.by_file
                    && !record.drains.keys().any(|other| other.matches(id))
            });
        record.drained = still;
        // Where weights follow health, the controller restores them.
        let restored = restored
            .into_iter()
            .filter(|drained| !self.by_health.contains(&drained.service))
            .map(|drained| BoundDestination {
                service: drained.service,
                destination: drained.destination,
            });
        Some((record, restored.collect()))
    }

    /// Returns what an operator has to know who ends a drain, where weights follow health.
    pub(super) fn restored_by_health(&self, drains: &[Drain]) -> Option<String> {
        self.drained
            .iter()
            .any(|drained| {
                let id = &drained.destination.id;
                drains.iter().any(|drain| drain.matches(id))
                    && self.by_health.contains(&drained.service)
            })
            .then(|| {
                "the weights of services with a check follow health: `lvsctl run` restores them"
                    .to_owned()
            })
    }

    /// Returns the destinations that get no new connections.
    pub(in crate::cluster) fn drained(&self) -> impl Iterator<Item = (ServiceId, DestinationId)> {
        self.drained.iter().map(Drained::id)
    }

    /// Returns the destinations of the cluster's services, without those of probes.
    fn own_destinations(
        &self,
        observed: &Observed,
    ) -> impl Iterator<Item = (ServiceId, Destination)> {
        observed
            .services()
            .iter()
            .filter(|found| self.applied && self.knows_service(&found.service.id))
            .filter(|found| !self.probes.contains(&found.service.id))
            .flat_map(|found| {
                found
                    .destinations
                    .iter()
                    .copied()
                    .map(|destination| (found.service.id, destination))
            })
    }

    /// Records that persistence templates are dropped while one of their servers is drained.
    fn record_templates(&mut self, observed: &Observed) {
        if let Some(change) = self.templates(observed) {
            let id = change.id();
            match self.entries.iter_mut().find(|entry| entry.id() == id) {
                Some(entry) => {
                    if let Some(both) = entry.clone().then(&change) {
                        *entry = both;
                    }
                }
                None => self.entries.push(change),
            }
        }
    }

    fn templates(&self, observed: &Observed) -> Option<Change<Object>> {
        if !self.needs_templates_dropped(observed) {
            return None;
        }
        let key = SysctlKey::EXPIRE_QUIESCENT_TEMPLATE;
        let found = observed.sysctls.get(&key).filter(|value| *value != "1")?;
        let setting = |value: &str| {
            Object::Sysctl(Setting {
                key: key.clone(),
                value: value.to_owned(),
            })
        };
        Some(Change::edit(setting(found), setting("1")))
    }

    /// Returns what draining changes in the kernel.
    #[doc(hidden)]
    #[must_use]
    pub fn plan_drains(&self, observed: &Observed) -> Plan {
        let templates = self.templates(observed);
        let templates = templates.map(|change| Step::new(change, WHY_TEMPLATES));
        let mut quiet = Vec::new();
        let mut removed = Vec::new();
        for (service, destination) in self.own_destinations(observed) {
            match how(&self.drains, &destination.id) {
                Some(Draining::Removed) => removed.push(Step::delete(
                    BoundDestination {
                        service,
                        destination,
                    },
                    WHY,
                )),
                Some(Draining::Quiet) if destination.weight != Weight::DRAIN => {
                    quiet.push(weight(service, destination, Weight::DRAIN, WHY));
                }
                _ => {}
            }
        }
        self.plan(vec![
            (PhaseName::Sysctls, templates.into_iter().collect()),
            (PhaseName::DrainedDestinations, quiet),
            (PhaseName::RemovedDestinations, removed),
        ])
    }

    /// Returns what restoring the weight of destinations changes in the kernel.
    #[doc(hidden)]
    #[must_use]
    pub fn plan_undrained(&self, restored: &[BoundDestination], observed: &Observed) -> Plan {
        let mut added = Vec::new();
        let mut edited = Vec::new();
        for bound in restored {
            if observed.service(&bound.service).is_none() {
                continue;
            }
            match observed.destination(&bound.service, &bound.destination.id) {
                None => added.push(Step::add(*bound, WHY_RESTORED)),
                Some(found) if found.weight == Weight::DRAIN && *found != bound.destination => {
                    let weight = bound.destination.weight;
                    edited.push(self::weight(bound.service, *found, weight, WHY_RESTORED));
                }
                Some(_) => {}
            }
        }
        let templates = match self.needs_templates_dropped(observed) {
            true => Vec::new(),
            false => self.templates_restored(observed),
        };
        self.plan(vec![
            (PhaseName::Destinations, added),
            (PhaseName::ChangedDestinations, edited),
            (PhaseName::RestoredSysctls, templates),
        ])
    }

    /// Returns whether a destination of a persistent service is drained.
    fn needs_templates_dropped(&self, observed: &Observed) -> bool {
        self.drained.iter().any(|drained| {
            let found = observed.service(&drained.service);
            found.is_some_and(|found| found.service.persistence.is_some())
        })
    }

    fn templates_restored(&self, observed: &Observed) -> Vec<Step> {
        let id = ObjectId::Sysctl(SysctlKey::EXPIRE_QUIESCENT_TEMPLATE);
        let observed = ObservedIndex::new(observed);
        self.entries()
            .filter(|entry| entry.id() == id)
            .filter_map(|entry| self.undone(entry, &observed, &observed))
            .map(|change| Step::new(change, "original configuration"))
            .collect()
    }

    fn plan(&self, phases: Vec<(PhaseName, Vec<Step>)>) -> Plan {
        let phases = phases
            .into_iter()
            .map(|(name, steps)| Phase { name, steps });
        Plan {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            kind: NodeKind::Director,
            role: None,
            phases: phases.filter(|phase| !phase.steps.is_empty()).collect(),
            refusals: Vec::new(),
            unmanaged: Vec::new(),
            notes: Vec::new(),
            of_whole: Vec::new(),
            announcements: BTreeSet::new(),
            nftables: None,
        }
    }
}

fn weight(service: ServiceId, before: Destination, weight: Weight, why: impl Into<Reason>) -> Step {
    let bound = |destination| BoundDestination {
        service,
        destination,
    };
    Step::edit(bound(before), bound(Destination { weight, ..before }), why)
}
