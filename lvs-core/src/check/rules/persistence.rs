//! Clients that come back to their server.

use crate::check::view::{director_here, weight};
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{Family, Weight};

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let director = facts.filter(|facts| director_here(cluster, facts).is_some());
    let expires = director.is_some_and(|facts| {
        facts
            .ipvs_switch("expire_quiescent_template")
            .is_some_and(|value| value != 0)
    });
    let services = cluster.services().iter();
    let mut found: Vec<_> = services.clone().filter_map(wide).collect();
    if !expires {
        found.extend(services.filter_map(|service| sticky_drain(cluster, service)));
    }
    found
}

fn wide(service: &VirtualService) -> Option<Finding> {
    let netmask = service.service.persistence?.netmask;
    let narrowest = match netmask.family() {
        Family::Ipv4 => 24,
        Family::Ipv6 => 48,
    };
    let wide = netmask.prefix().is_some_and(|prefix| prefix < narrowest);
    let seen = format!("all clients of a {netmask} meet one real server");
    wide.then(|| {
        Finding::new(Code::WIDE_PERSISTENCE, service.service.id, seen).mend(format!(
            "in the file: persistence netmask = {narrowest} or more"
        ))
    })
}

fn sticky_drain(cluster: &Cluster, service: &VirtualService) -> Option<Finding> {
    service.service.persistence?;
    let mut destinations = service.destinations.iter();
    let drained = destinations.find(|it| weight(cluster, it) == Weight::DRAIN)?;
    let seen = format!(
        "{} is drained, and the service is persistent",
        drained.real_server
    );
    Some(
        Finding::new(Code::STICKY_DRAIN, service.service.id, seen)
            .mend("on the director: sysctl -w net/ipv4/vs/expire_quiescent_template=1"),
    )
}
