//! The kernel's table of services. Order is used when adding and is never a difference; an edit that
//! would change nothing is never made, for the kernel restarts some schedulers at each.

use super::{Action, BoundDestination, Change, PlanOptions, Step};
use crate::cluster::observed::ObservedService;
use crate::cluster::{NodeState, Observed, Wanted, WantedService};
use crate::ipvs::{Destination, Seconds, ServiceId, Timeouts};

pub(super) fn timeouts(node: &NodeState, seen: &Observed) -> Vec<Step> {
    let found = seen.timeouts();
    let or = |wanted: Seconds, found| if wanted == Seconds(0) { found } else { wanted };
    let wanted = Timeouts {
        tcp: or(node.timeouts.tcp, found.tcp),
        tcp_fin: or(node.timeouts.tcp_fin, found.tcp_fin),
        udp: or(node.timeouts.udp, found.udp),
    };
    let change = || Change::edit(found, wanted);
    let step =
        (wanted != found).then(|| Step::new(Action::Timeouts(change()), "named in the file"));
    step.into_iter().collect()
}

pub(super) fn services(node: &NodeState, seen: &Observed) -> Vec<Step> {
    let changes = node.services.iter().filter_map(|wanted| {
        let service = wanted.service.clone();
        match seen.service(&service.id) {
            Some(found) if found.service == service => None,
            Some(found) => Some(Change::edit(found.service.clone(), service)),
            None => Some(Change::add(service)),
        }
    });
    changes
        .map(|change| Step::new(Action::Service(change), "named in the file"))
        .collect()
}

/// In the file's order, as a person would type them.
pub(super) fn destinations_added(node: &NodeState, seen: &Observed) -> Vec<Step> {
    each(node, |service, wanted| {
        let id = service.service.id;
        if seen.destination(&id, &wanted.value.id).is_some() {
            return None;
        }
        Some(Change::add(bound(id, wanted.value)))
    })
}

pub(super) fn destinations_edited(node: &NodeState, seen: &Observed) -> Vec<Step> {
    each(node, |service, wanted| {
        let id = service.service.id;
        let found = *seen.destination(&id, &wanted.value.id)?;
        let mut destination = wanted.value;
        if service.keep_weight {
            destination.weight = found.weight;
        }
        (found != destination).then(|| Change::edit(bound(id, found), bound(id, destination)))
    })
}

/// Asks for a change of each wanted destination; its reason is the real server's name.
fn each(
    node: &NodeState,
    change: impl Fn(&WantedService, &Wanted<Destination>) -> Option<Change<BoundDestination>>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for service in &node.services {
        for wanted in &service.destinations {
            let change = change(service, wanted).map(Action::Destination);
            steps.extend(change.map(|action| Step::new(action, &wanted.why)));
        }
    }
    steps
}

/// Destinations of services the file names, where it does not name them; and all of those services
/// that are deleted, so that the way back knows them.
pub(super) fn destinations_deleted(
    node: &NodeState,
    seen: &Observed,
    options: PlanOptions,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for found in seen.services() {
        if let Some(wanted) = wanted(node, &found.service.id) {
            let named = |it: &&Destination| {
                wanted
                    .destinations
                    .iter()
                    .any(|wanted| wanted.value.id == it.id)
            };
            let unnamed = found.destinations.iter().filter(|it| !named(it));
            steps.extend(unnamed.map(|it| delete(&found.service.id, it, "not in the file")));
        } else if options.take_over && is_on_virtual_ip(node, &found.service.id) {
            steps.extend(delete_destinations(found));
        }
    }
    steps
}

pub(super) fn services_deleted(
    node: &NodeState,
    seen: &Observed,
    options: PlanOptions,
) -> Vec<Step> {
    if !options.take_over {
        return Vec::new();
    }
    unnamed(node, seen)
        .map(|found| delete_service(found, "on a virtual IP, but not in the file"))
        .collect()
}

/// Services on a virtual IP of the cluster that the file does not name.
pub(super) fn unnamed<'a>(
    node: &'a NodeState,
    seen: &'a Observed,
) -> impl Iterator<Item = &'a ObservedService> {
    let services = seen.services().iter();
    services.filter(|found| {
        let id = &found.service.id;
        is_on_virtual_ip(node, id) && wanted(node, id).is_none()
    })
}

/// In the kernel's order, newest first, so that the way back adds them in the order they were added.
pub(super) fn delete_destinations(found: &ObservedService) -> impl Iterator<Item = Step> {
    let id = &found.service.id;
    found
        .destinations
        .iter()
        .map(|it| delete(id, it, "its service goes"))
}

pub(super) fn delete_service(found: &ObservedService, why: &str) -> Step {
    Step::new(Action::Service(Change::delete(found.service.clone())), why)
}

fn delete(service: &ServiceId, destination: &Destination, why: &str) -> Step {
    let change = Change::delete(bound(*service, *destination));
    Step::new(Action::Destination(change), why)
}

fn wanted<'a>(node: &'a NodeState, id: &ServiceId) -> Option<&'a WantedService> {
    node.services.iter().find(|wanted| wanted.service.id == *id)
}

pub(super) fn is_on_virtual_ip(node: &NodeState, id: &ServiceId) -> bool {
    matches!(id, ServiceId::Socket { address, .. } if node.virtual_ips.contains(&address.ip()))
}

const fn bound(service: ServiceId, destination: Destination) -> BoundDestination {
    BoundDestination {
        service,
        destination,
    }
}
