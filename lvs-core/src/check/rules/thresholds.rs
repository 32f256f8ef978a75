//! Thresholds: what they mean, and destinations that reached theirs.

use crate::check::kind::kinds;
use crate::check::scene::{director_here, state};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, DesiredState, VirtualDestination, VirtualService};
use crate::ipvs::{Destination, DestinationStatus, ServiceId, Weight};

kinds! {
    THRESHOLD_RULE = "LVS027", Note, Services,
    title: "An upper threshold stands alone",
    impact: "a full server is used again only when it has fewer than three quarters of the upper threshold",
    explanation: "A destination that reached its upper threshold takes no connections until it has fewer than the lower one. Without a lower threshold \
        the kernel uses three quarters of the upper. TCP connections count until the kernel forgets them, two minutes after they were closed. \
        Name the lower threshold, so that the next reader knows it.";

    OVERLOADED = "LVS028", Warning, Services,
    title: "A real server is at its upper threshold",
    impact: "it takes no connections, although its weight says otherwise",
    explanation: "Active and inactive connections together have reached the destination's upper threshold, and it is out of the rotation until there are fewer than the lower one. \
        If all are, clients are refused. A threshold that is small and old is easily forgotten: raise it, or set it to 0.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let services = cluster.services().iter();
    let mut found: Vec<_> = services
        .flat_map(|service| {
            let destinations = service.destinations.iter();
            destinations.filter_map(|it| rule(service, it))
        })
        .collect();
    if let Some(facts) = facts
        && director_here(cluster, facts).is_some()
    {
        found.extend(full(cluster, facts));
    }
    found
}

fn rule(service: &VirtualService, destination: &VirtualDestination) -> Option<Finding> {
    let (upper, lower) = (
        destination.thresholds.upper(),
        destination.thresholds.lower(),
    );
    let name = &destination.real_server;
    let seen =
        format!("{name} is full at {upper} connections and used again below three quarters of it");
    let object = format!("{name} of {}", service.service.id);
    (upper > 0 && lower == 0).then(|| {
        THRESHOLD_RULE
            .finding(object, seen)
            .on(name)
            .fix(format!("in the file: lower-threshold = {}", upper / 4 * 3))
    })
}

fn full(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let node = state(cluster, facts);
    let mut found = Vec::new();
    for entry in facts.now().into_iter().flat_map(|now| &now.services) {
        let id = entry.status.service.id;
        for it in entry.destinations.iter().filter(|it| is_full(it)) {
            let (upper, count) = (it.destination.thresholds.upper(), connections(it));
            let seen = format!("it has {count} connections, and its upper threshold is {upper}");
            let object = format!("{} of {id}", it.destination.id);
            let finding = OVERLOADED.finding(object, seen).on(&facts.node);
            found.push(
                finding.fix(match is_meant(node.as_ref(), id, &it.destination) {
                    true => "in the file: a higher upper-threshold, or none",
                    false => "lvsctl apply FILE",
                }),
            );
        }
    }
    found
}

/// Whether it is the file that says so.
fn is_meant(node: Option<&DesiredState>, service: ServiceId, it: &Destination) -> bool {
    let services = node.into_iter().flat_map(|node| &node.services);
    let ours = services.filter(|wanted| wanted.service.id == service);
    let destinations = ours.flat_map(|wanted| &wanted.destinations);
    let mut destinations = destinations.map(|wanted| &wanted.value);
    destinations.any(|wanted| wanted.id == it.id && wanted.thresholds == it.thresholds)
}

const fn connections(status: &DestinationStatus) -> u64 {
    status.active as u64 + status.inactive as u64
}

/// Whether it takes no connections although it has a weight.
pub(super) fn is_full(status: &DestinationStatus) -> bool {
    let upper = status.destination.thresholds.upper();
    let takes = status.destination.weight != Weight::DRAIN;
    takes && upper > 0 && connections(status) >= u64::from(upper)
}
