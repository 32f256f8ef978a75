//! The kernel's table of services. Order is used when adding and is never a difference; an edit that
//! would change nothing is never made, for the kernel restarts some schedulers at each.

use std::collections::{HashMap, HashSet};

use super::PlanOptions;
use crate::cluster::change::{BoundDestination, Step};
use crate::cluster::{Desired, DesiredService, DesiredState, Observed, Record};
use crate::ipvs::{Destination, Seconds, ServiceEntry, ServiceId, Timeouts, Weight};

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

/// Destinations of services the file names, where it does not name them; and all of those services
/// that are deleted, so that the way back knows them.
pub(super) fn destinations_deleted(
    node: &DesiredState,
    seen: &Observed,
    record: &Record,
    options: PlanOptions,
) -> Vec<Step> {
    let services = wanted(node);
    let mut steps = Vec::new();
    for found in seen.services() {
        if let Some(wanted) = services.get(&found.service.id) {
            steps.extend(destinations_unnamed(wanted, found));
        } else if is_to_go(node, &found.service.id, record, options) {
            steps.extend(delete_destinations(found));
        }
    }
    steps
}

fn destinations_unnamed(
    wanted: &DesiredService,
    found: &ServiceEntry,
) -> impl Iterator<Item = Step> {
    let named: HashSet<_> = wanted.destinations.iter().map(|it| it.value.id).collect();
    let unnamed = found
        .destinations
        .iter()
        .filter(move |it| !named.contains(&it.id));
    unnamed.map(|it| {
        let why = match wanted.is_drained(&it.id) {
            true => "drained, and to be gone",
            false => "not in the file",
        };
        delete(&found.service.id, it, why)
    })
}

pub(super) fn services_deleted(
    node: &DesiredState,
    seen: &Observed,
    record: &Record,
    options: PlanOptions,
) -> Vec<Step> {
    let wanted = wanted(node);
    let unnamed = seen
        .services()
        .iter()
        .filter(|found| !wanted.contains_key(&found.service.id));
    unnamed
        .filter(|found| is_to_go(node, &found.service.id, record, options))
        .map(|found| {
            let id = &found.service.id;
            let why = if node.absent_services.contains(id) {
                "what arrives for it is balanced already"
            } else if is_on_virtual_ip(node, id) {
                "on a virtual IP, but not in the file"
            } else {
                "no longer in the file"
            };
            delete_service(found, why)
        })
        .collect()
}

/// Whether a service that the file does not name is the cluster's all the same: by its virtual IP, or
/// by the record.
fn is_to_go(node: &DesiredState, id: &ServiceId, record: &Record, options: PlanOptions) -> bool {
    (options.take_over && is_on_virtual_ip(node, id))
        || record.made_service(id)
        || node.absent_services.contains(id)
}

/// Services on a virtual IP of the cluster that the file does not name.
pub(super) fn unnamed<'a>(
    node: &'a DesiredState,
    seen: &'a Observed,
) -> impl Iterator<Item = &'a ServiceEntry> {
    let wanted = wanted(node);
    let services = seen.services().iter();
    services.filter(move |found| {
        let id = &found.service.id;
        is_on_virtual_ip(node, id) && !wanted.contains_key(id) && !node.absent_services.contains(id)
    })
}

/// In the kernel's order, newest first, so that the way back adds them in the order they were added.
pub(super) fn delete_destinations(found: &ServiceEntry) -> impl Iterator<Item = Step> {
    let id = &found.service.id;
    found
        .destinations
        .iter()
        .map(|it| delete(id, it, "its service goes"))
}

pub(super) fn delete_service(found: &ServiceEntry, why: &str) -> Step {
    Step::delete(found.service.clone(), why)
}

fn delete(service: &ServiceId, destination: &Destination, why: &str) -> Step {
    Step::delete(bound(*service, *destination), why)
}

/// The services of the file, to be asked for many.
pub(super) fn wanted(node: &DesiredState) -> HashMap<ServiceId, &DesiredService> {
    let services = node.services.iter();
    services.map(|wanted| (wanted.service.id, wanted)).collect()
}

/// The services that are there, to be asked for many.
fn found(seen: &Observed) -> HashMap<ServiceId, &ServiceEntry> {
    let services = seen.services().iter();
    services.map(|found| (found.service.id, found)).collect()
}

pub(super) fn is_on_virtual_ip(node: &DesiredState, id: &ServiceId) -> bool {
    matches!(id, ServiceId::Socket { address, .. } if node.virtual_ips.contains(&address.ip()))
}

const fn bound(service: ServiceId, destination: Destination) -> BoundDestination {
    BoundDestination {
        service,
        destination,
    }
}
