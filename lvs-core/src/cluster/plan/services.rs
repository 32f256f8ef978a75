//! The kernel's table of services. Order is used when adding and is never a difference; an edit that
//! would change nothing is never made, because the kernel restarts some schedulers at each.

use super::Planner;
use crate::cluster::change::{BoundDestination, Step};
use crate::cluster::{
    Desired, DesiredService, DesiredState, HealthPart, Observed, ObservedIndex, Record,
};
use crate::ipvs::{Destination, DestinationId, Seconds, ServiceEntry, ServiceId, Timeouts, Weight};

const NAMED: &str = "named in the file";
const PROBES: &str = "probes go the clients' way by it";

impl Planner<'_> {
    pub(super) fn timeouts(&self, seen: &Observed) -> Vec<Step> {
        let (found, named) = (seen.timeouts(), self.node.timeouts);
        let or = |named, found| if named == Seconds(0) { found } else { named };
        let desired = Timeouts {
            tcp: or(named.tcp, found.tcp),
            tcp_fin: or(named.tcp_fin, found.tcp_fin),
            udp: or(named.udp, found.udp),
        };
        let step = (desired != found).then(|| Step::edit(found, desired, NAMED));
        step.into_iter().collect()
    }

    pub(super) fn services(&self, seen: &Observed) -> Vec<Step> {
        self.services_by(seen, |desired, found| match found {
            Some(found) => changed(desired, found),
            None => Some(Step::add(desired.service.clone(), why(desired))),
        })
    }

    /// Returns the steps of [`services`](Self::services) that change a service which exists.
    pub(super) fn changed_services(&self, seen: &Observed) -> Vec<Step> {
        self.services_by(seen, |desired, found| changed(desired, found?))
    }

    /// Asks for a step for each desired service, beside the one that is found.
    fn services_by(
        &self,
        seen: &Observed,
        step: impl Fn(&DesiredService, Option<&ServiceEntry>) -> Option<Step>,
    ) -> Vec<Step> {
        let seen = ObservedIndex::new(seen);
        let mut steps = Vec::with_capacity(self.node.services.len());
        let services = self.node.services.iter();
        steps.extend(
            services.filter_map(|desired| step(desired, seen.service(&desired.service.id))),
        );
        steps
    }

    /// In the file's order, as an operator would type them.
    pub(super) fn added_destinations(&self, seen: &Observed) -> Vec<Step> {
        let before = ObservedIndex::new(self.observed);
        self.destinations(seen, |service, desired, found| match found {
            Some(_) => None,
            None if service.is_reserve(&desired.value.id) => None,
            None => {
                let id = service.service.id;
                let mut destination = desired.value;
                // It waits for its health, as the others of its service do.
                let waits = service.follows_health(self.record) && before.service(&id).is_some();
                if waits {
                    destination.weight = Weight::DRAIN;
                }
                let is_added = !waits || !service.removes;
                is_added.then(|| Step::add(bound(id, destination), &desired.why))
            }
        })
    }

    pub(super) fn changed_destinations(&self, seen: &Observed) -> Vec<Step> {
        self.destinations(seen, |service, desired, found| {
            let (id, found) = (service.service.id, *found?);
            // The cleanup deletes it.
            if service.is_reserve(&found.id) && !service.follows_health(self.record) {
                return None;
            }
            let mut destination = desired.value;
            let is_drained = service.is_drained(&destination.id);
            if service.follows_health(self.record) && !is_drained {
                destination.weight = found.weight;
            } else if service.keep_weight && !is_drained {
                destination.weight = self.kept_weight(&id, &found);
            }
            (found != destination)
                .then(|| Step::edit(bound(id, found), bound(id, destination), &desired.why))
        })
    }

    /// The weight that is found stays, except a 0 that a drain has left.
    fn kept_weight(&self, service: &ServiceId, found: &Destination) -> Weight {
        self.record
            .weight_for_later(service, &found.id)
            .filter(|_| found.weight == Weight::DRAIN)
            .unwrap_or(found.weight)
    }

    /// Asks for a step for each desired destination, beside the one that is found.
    fn destinations(
        &self,
        seen: &Observed,
        step: impl Fn(&DesiredService, &Desired<Destination>, Option<&Destination>) -> Option<Step>,
    ) -> Vec<Step> {
        let seen = ObservedIndex::new(seen);
        let most = self.node.services.iter();
        // Room that no step ever reaches is no memory, and moving millions of steps to more room is slow.
        let mut steps = Vec::with_capacity(most.map(|service| service.destinations.len()).sum());
        for service in &self.node.services {
            let found = seen.indexed(&service.service.id);
            steps.extend(service.destinations.iter().filter_map(|desired| {
                let found = found.and_then(|found| found.destination(&desired.value.id));
                step(service, desired, found)
            }));
        }
        steps.shrink_to_fit();
        steps
    }
}

fn changed(desired: &DesiredService, found: &ServiceEntry) -> Option<Step> {
    let service = &desired.service;
    (found.service != *service)
        .then(|| Step::edit(found.service.clone(), service.clone(), why(desired)))
}

fn why(desired: &DesiredService) -> &'static str {
    match desired.is_probe() {
        true => PROBES,
        false => NAMED,
    }
}

const fn bound(service: ServiceId, destination: Destination) -> BoundDestination {
    BoundDestination {
        service,
        destination,
    }
}

impl DesiredService {
    /// Returns whether a controller sets the weights of the service.
    pub(super) fn follows_health(&self, record: &Record) -> bool {
        self.health == HealthPart::Checked && record.by_health.contains(&self.service.id)
    }

    /// Returns the destinations that stay where they are found. A controller knows whether a fallback is needed that
    /// is not in the kernel otherwise; without one it is not.
    pub(super) fn kept(&self, record: &Record) -> impl Iterator<Item = DestinationId> {
        let follows_health = self.follows_health(record);
        let ids = self.destinations.iter().map(|desired| desired.value.id);
        ids.filter(move |id| follows_health || !self.is_reserve(id))
    }

    /// Returns whether a service that was found is as desired, with its destinations.
    pub(in crate::cluster) fn is_as(&self, found: &ServiceEntry) -> bool {
        let destinations = self.destinations.iter().map(|desired| &desired.value);
        self.service == found.service && destinations.eq(&found.destinations)
    }
}

impl DesiredState {
    /// Returns whether a service is on a virtual IP of the cluster.
    pub(super) fn has_virtual_ip_of(&self, id: &ServiceId) -> bool {
        matches!(id, ServiceId::Socket { address, .. } if self.virtual_ips.contains(&address.ip()))
    }
}
