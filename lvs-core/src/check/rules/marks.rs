//! Services by firewall mark: whether anything is marked for them, and what they take from others.

use crate::check::scene::{director_here, sockets, taker};
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, Match, VirtualService};
use crate::ipvs::ServiceId;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let services = cluster.services().iter();
    let mut found: Vec<_> = services
        .flat_map(|service| shadowed(cluster, service))
        .collect();
    if let Some(facts) = facts
        && director_here(cluster, facts).is_some()
    {
        let services = cluster.services().iter();
        found.extend(services.filter_map(|service| never_met(facts, service)));
    }
    found
}

const fn is_marked(service: &VirtualService) -> bool {
    matches!(service.service.id, ServiceId::Fwmark { .. })
}

/// Where clients connect to it, but a mark takes them elsewhere.
fn shadowed(cluster: &Cluster, service: &VirtualService) -> Vec<Finding> {
    let sockets = sockets(service).into_iter();
    let found = sockets.filter_map(|socket: Match| {
        let taker = taker(cluster, &socket)?;
        let seen = format!("{socket} is marked for {} too", taker.service.id);
        let is_other = is_marked(taker) && taker.service.id != service.service.id;
        is_other.then(|| {
            Finding::new(Code::SHADOWED_BY_MARK, service.service.id, seen)
                .fix("in the file: name the ports in match, or leave this service out")
        })
    });
    found.collect()
}

/// Rules of a firewall cannot be read, only what comes of them.
fn never_met(facts: &Facts, service: &VirtualService) -> Option<Finding> {
    let (_, now) = facts.two_readings().filter(|_| !facts.is_standby())?;
    let entry = now.service(&service.service.id)?;
    let never = is_marked(service) && entry.status.stats.connections == 0;
    let seen = "it has not counted a single connection";
    never.then(|| {
        Finding::new(Code::NEVER_MARKED, service.service.id, seen)
            .on(&facts.node)
            .fix("load the rules that lvsctl plan FILE prints, with nft -f")
    })
}
