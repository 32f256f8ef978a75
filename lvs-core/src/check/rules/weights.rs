//! Whether anybody takes connections.

use crate::check::kind::kinds;
use crate::check::scene::{director_here, weight};
use crate::check::{Facts, Finding, ListedService, Severity};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::Weight;

kinds! {
    NO_DESTINATION = "LVS021", Error, Services,
    title: "Nobody takes connections of a service",
    impact: "every client is refused",
    explanation: "All destinations of the service have weight 0, or there are none. The kernel answers each new connection as if no such port existed, \
        and logs \"no destination available\". Connections that are there go on. Give a destination a weight, or end the drain.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(facts) = facts
        && director_here(cluster, facts).is_some()
    {
        let now = facts.now().into_iter();
        let ours = now.flat_map(|now| {
            let services = cluster.services().iter();
            services.filter_map(|service| now.service(&service.service.id))
        });
        found.extend(ours.filter_map(|entry| here(facts, entry)));
    }
    let services = cluster.services().iter();
    found.extend(services.filter_map(|service| written(cluster, service)));
    found
}

fn here(facts: &Facts, entry: &ListedService) -> Option<Finding> {
    let mut weights = entry.destinations.iter().map(|it| it.destination.weight);
    let nobody = weights.all(|weight| weight == Weight::DRAIN);
    let seen = match entry.destinations.len() {
        0 => "it has no destination".to_owned(),
        count => format!("all of its {count} destinations have weight 0"),
    };
    nobody.then(|| {
        NO_DESTINATION
            .finding(entry.status.service.id, seen)
            .on(&facts.node)
            .fix("lvsctl apply FILE, which gives the destinations the weights of the file")
    })
}

fn written(cluster: &Cluster, service: &VirtualService) -> Option<Finding> {
    let mut destinations = service.destinations.iter();
    let nobody = destinations.all(|it| weight(cluster, it) == Weight::DRAIN);
    let (seen, fix) = match service.destinations.len() {
        0 => ("it has no destination", "in the file: name real servers"),
        _ => (
            "all of its destinations have weight 0 or are drained",
            "in the file: give one of them a weight, or end its drain",
        ),
    };
    // Where weights are somebody else's, this is how all begin.
    let severity = match service.keep_weight {
        true => Severity::Note,
        false => Severity::Error,
    };
    nobody.then(|| {
        NO_DESTINATION
            .finding(service.service.id, seen)
            .severity(severity)
            .fix(fix)
    })
}
