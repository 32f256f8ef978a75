//! How a record remembers who is drained, and what that means for a kernel.

use super::{Drain, Draining, how};
use crate::cluster::Record;
use crate::cluster::change::{BoundDestination, Change, Object, ObjectId, Setting, Step};
use crate::cluster::plan::{Phase, PhaseName, Plan};
use crate::cluster::state::Drained;
use crate::cluster::{NodeKind, Observed};
use crate::ipvs::{Destination, DestinationId, ServiceEntry, ServiceId, Weight};
use crate::sysctl::SysctlKey;

const WHY: &str = "drained";
const WHY_BACK: &str = "no longer drained";

impl Record {
    /// The record as it must be written before a real server is drained; `None` if the cluster sends
    /// nobody there.
    #[doc(hidden)]
    #[must_use]
    pub fn before_draining(
        &self,
        drain: Drain,
        how: Draining,
        observed: &Observed,
    ) -> Option<Self> {
        let mut record = self.clone();
        let own = self.own_destinations(observed);
        for (found, destination) in own.filter(|(_, it)| drain.matches(&it.id)) {
            let id = found.service.id;
            if self.weight_for_later(&id, &destination.id).is_none() {
                record.drained.push(Drained {
                    service: id,
                    destination: *destination,
                    by_file: false,
                });
            }
        }
        let is_known = |it: &Drained| drain.matches(&it.destination.id);
        if !record.drained.iter().any(is_known) {
            return None;
        }
        record.drains.insert(drain, how);
        record.remember_templates(observed);
        Some(record)
    }

    /// The record without a drain, and the destinations that get their weight back; `None` if there is
    /// no such drain.
    #[doc(hidden)]
    #[must_use]
    pub fn without_drain(&self, drain: Drain) -> Option<(Self, Vec<BoundDestination>)> {
        let mut record = self.clone();
        record.drains.remove(&drain)?;
        let (back, still) = self.drained.iter().cloned().partition(|it| {
            let id = &it.destination.id;
            drain.matches(id) && !it.by_file && !record.drains.keys().any(|it| it.matches(id))
        });
        let back: Vec<Drained> = back;
        record.drained = still;
        let back = back.into_iter().map(|it| BoundDestination {
            service: it.service,
            destination: it.destination,
        });
        Some((record, back.collect()))
    }

    /// The destinations that get no new connections.
    pub(in crate::cluster) fn drained(&self) -> impl Iterator<Item = (ServiceId, DestinationId)> {
        let drained = self.drained.iter();
        drained.map(|it| (it.service, it.destination.id))
    }

    /// The destinations of the cluster's services.
    fn own_destinations<'a>(
        &'a self,
        observed: &'a Observed,
    ) -> impl Iterator<Item = (&'a ServiceEntry, &'a Destination)> {
        let services = observed.services().iter();
        let own = services.filter(|found| self.applied && self.knows_service(&found.service.id));
        own.flat_map(|found| found.destinations.iter().map(move |it| (found, it)))
    }

    /// Persistence templates are dropped while one of their servers is drained.
    fn remember_templates(&mut self, observed: &Observed) {
        if let Some(change) = self.templates(observed) {
            let id = change.id();
            match self.things.iter_mut().find(|entry| entry.id() == id) {
                Some(entry) => {
                    if let Some(both) = entry.clone().then(&change) {
                        *entry = both;
                    }
                }
                None => self.things.push(change),
            }
        }
    }

    fn templates(&self, observed: &Observed) -> Option<Change<Object>> {
        let sticks = |id: &ServiceId| {
            let found = observed.service(id);
            found.is_some_and(|found| found.service.persistence.is_some())
        };
        if !self.drained.iter().any(|it| sticks(&it.service)) {
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
        Some(Change::Edit(setting(found), setting("1")))
    }

    /// What draining changes in the kernel.
    #[doc(hidden)]
    #[must_use]
    pub fn plan_drains(&self, observed: &Observed) -> Plan {
        let templates = self.templates(observed).map(|change| {
            let why = "a client's persistence must not bring it back to a server that is drained";
            Step::new(change, why)
        });
        let mut quiet = Vec::new();
        let mut removed = Vec::new();
        for (found, destination) in self.own_destinations(observed) {
            let service = found.service.id;
            match how(&self.drains, &destination.id) {
                Some(Draining::Removed) => {
                    let destination = *destination;
                    let bound = BoundDestination {
                        service,
                        destination,
                    };
                    removed.push(Step::delete(bound, WHY));
                }
                Some(Draining::Quiet) if destination.weight != Weight::DRAIN => {
                    quiet.push(weight(service, *destination, Weight::DRAIN, WHY));
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

    /// What giving the weight back to destinations changes in the kernel.
    #[doc(hidden)]
    #[must_use]
    pub fn plan_back(&self, back: &[BoundDestination], observed: &Observed) -> Plan {
        let mut added = Vec::new();
        let mut edited = Vec::new();
        for bound in back {
            if observed.service(&bound.service).is_none() {
                continue;
            }
            match observed.destination(&bound.service, &bound.destination.id) {
                None => added.push(Step::add(*bound, WHY_BACK)),
                Some(found) if found.weight == Weight::DRAIN && *found != bound.destination => {
                    let weight = bound.destination.weight;
                    edited.push(self::weight(bound.service, *found, weight, WHY_BACK));
                }
                Some(_) => {}
            }
        }
        let templates = if self.templates_needed(observed) {
            Vec::new()
        } else {
            self.templates_back(observed)
        };
        self.plan(vec![
            (PhaseName::Destinations, added),
            (PhaseName::ChangedDestinations, edited),
            (PhaseName::RestoredSysctls, templates),
        ])
    }

    fn templates_needed(&self, observed: &Observed) -> bool {
        self.drained.iter().any(|it| {
            let found = observed.service(&it.service);
            found.is_some_and(|found| found.service.persistence.is_some())
        })
    }

    fn templates_back(&self, observed: &Observed) -> Vec<Step> {
        let id = ObjectId::Sysctl(SysctlKey::EXPIRE_QUIESCENT_TEMPLATE);
        let things = self.things().filter(|entry| entry.id() == id);
        things
            .filter_map(|entry| self.undone(entry, observed, observed))
            .map(|change| Step::new(change, "as it was found"))
            .collect()
    }

    fn plan(&self, phases: Vec<(PhaseName, Vec<Step>)>) -> Plan {
        let phases = phases.into_iter().filter(|(_, steps)| !steps.is_empty());
        Plan {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            kind: NodeKind::Director,
            role: None,
            phases: phases.map(|(name, steps)| Phase { name, steps }).collect(),
            refusals: Vec::new(),
            unmanaged: Vec::new(),
            notes: Vec::new(),
            nftables: None,
        }
    }
}

fn weight(service: ServiceId, before: Destination, weight: Weight, why: &str) -> Step {
    let bound = |destination| BoundDestination {
        service,
        destination,
    };
    Step::edit(bound(before), bound(Destination { weight, ..before }), why)
}
