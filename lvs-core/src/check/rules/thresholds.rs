//! Thresholds: what they mean, and destinations that reached theirs.

use crate::check::view::director_here;
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, VirtualDestination, VirtualService};
use crate::ipvs::{DestinationStatus, Weight};

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
        found.extend(full(facts));
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
        Finding::new(Code::THRESHOLD_RULE, object, seen)
            .on(name)
            .mend(format!("in the file: lower-threshold = {}", upper / 4 * 3))
    })
}

fn full(facts: &Facts) -> Vec<Finding> {
    let entries = facts.now().into_iter().flat_map(|now| &now.services);
    let found = entries.flat_map(|entry| {
        let id = entry.status.service.id;
        let destinations = entry.destinations.iter().filter(|it| is_full(it));
        destinations.map(move |it| {
            let (upper, count) = (it.destination.thresholds.upper(), connections(it));
            let seen = format!("it has {count} connections, and its upper threshold is {upper}");
            let object = format!("{} of {id}", it.destination.id);
            Finding::new(Code::OVERLOADED, object, seen)
                .on(&facts.node)
                .mend("in the file: a higher upper-threshold, or none")
        })
    });
    found.collect()
}

const fn connections(status: &DestinationStatus) -> u64 {
    status.active as u64 + status.inactive as u64
}

fn is_full(status: &DestinationStatus) -> bool {
    let upper = status.destination.thresholds.upper();
    let takes = status.destination.weight != Weight::DRAIN;
    takes && upper > 0 && connections(status) >= u64::from(upper)
}
