//! The kernel's table of services. Order is used when adding and is never a difference; an edit that
//! would change nothing is never made, for the kernel restarts some schedulers at each.

use std::collections::HashMap;

use crate::cluster::change::{BoundDestination, Step};
use crate::cluster::{Desired, DesiredService, DesiredState, Observed, Record};
use crate::ipvs::{ConfiguredService, Destination, Seconds, ServiceId, Timeouts, Weight};

const NAMED: &str = "named in the file";

pub(super) fn timeouts(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let found = seen.timeouts();
    let or = |wanted: Seconds, found| if wanted == Seconds(0) { found } else { wanted };
    let wanted = Timeouts {
        tcp: or(node.timeouts.tcp, found.tcp),
        tcp_fin: or(node.timeouts.tcp_fin, found.tcp_fin),
        udp: or(node.timeouts.udp, found.udp),
    };
    let step = (wanted != found).then(|| Step::edit(found, wanted, NAMED));
    step.into_iter().collect()
}

pub(super) fn services(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let found = found(seen);
    let steps = node.services.iter().filter_map(|wanted| {
        let service = wanted.service.clone();
        match found.get(&service.id) {
            Some(found) if found.service == service => None,
            Some(found) => Some(Step::edit(found.service.clone(), service, NAMED)),
            None => Some(Step::add(service, NAMED)),
        }
    });
    steps.collect()
}

/// In the file's order, as a person would type them.
pub(super) fn destinations_added(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    each(node, seen, |service, wanted, found| match found {
        Some(_) => None,
        None => Some(Step::add(
            bound(service.service.id, wanted.value),
            &wanted.why,
        )),
    })
}

pub(super) fn destinations_edited(
    node: &DesiredState,
    seen: &Observed,
    record: &Record,
) -> Vec<Step> {
    each(node, seen, |service, wanted, found| {
        let (id, found) = (service.service.id, *found?);
        let mut destination = wanted.value;
        if service.keep_weight && !service.is_drained(&destination.id) {
            destination.weight = kept_weight(record, &id, &found);
        }
        (found != destination)
            .then(|| Step::edit(bound(id, found), bound(id, destination), &wanted.why))
    })
}

/// Somebody else's weight stays; but a 0 that a drain has left is nobody's.
fn kept_weight(record: &Record, service: &ServiceId, found: &Destination) -> Weight {
    let later = record.weight_for_later(service, &found.id);
    later
        .filter(|_| found.weight == Weight::DRAIN)
        .unwrap_or(found.weight)
}

/// Asks for a step for each wanted destination, beside the one that is found.
fn each(
    node: &DesiredState,
    seen: &Observed,
    step: impl Fn(&DesiredService, &Desired<Destination>, Option<&Destination>) -> Option<Step>,
) -> Vec<Step> {
    let services = found(seen);
    let mut steps = Vec::new();
    for service in &node.services {
        let found = services.get(&service.service.id);
        let found = found.into_iter().flat_map(|found| &found.destinations);
        let found: HashMap<_, _> = found.map(|it| (it.id, it)).collect();
        for wanted in &service.destinations {
            let found = found.get(&wanted.value.id).copied();
            steps.extend(step(service, wanted, found));
        }
    }
    steps
}

/// Services on a virtual IP of the cluster that the file does not name.
pub(super) fn unnamed<'a>(
    node: &'a DesiredState,
    seen: &'a Observed,
) -> impl Iterator<Item = &'a ConfiguredService> {
    let desired = node.services_by_id();
    seen.services().iter().filter(move |found| {
        let id = &found.service.id;
        node.has_virtual_ip_of(id)
            && !desired.contains_key(id)
            && !node.absent_services.contains(id)
    })
}

/// The services that are there, to be asked for many.
fn found(seen: &Observed) -> HashMap<ServiceId, &ConfiguredService> {
    let services = seen.services().iter();
    services.map(|found| (found.service.id, found)).collect()
}

const fn bound(service: ServiceId, destination: Destination) -> BoundDestination {
    BoundDestination {
        service,
        destination,
    }
}

impl DesiredState {
    /// The services of the file by identity, for looking up many.
    pub(super) fn services_by_id(&self) -> HashMap<ServiceId, &DesiredService> {
        self.services
            .iter()
            .map(|desired| (desired.service.id, desired))
            .collect()
    }

    /// Returns whether a service is on a virtual IP of the cluster.
    pub(super) fn has_virtual_ip_of(&self, id: &ServiceId) -> bool {
        matches!(id, ServiceId::Socket { address, .. } if self.virtual_ips.contains(&address.ip()))
    }
}
