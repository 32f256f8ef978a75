//! Services by firewall mark: whether anything is marked for them, and what they take from others.

use crate::check::kind::kinds;
use crate::check::scene::{director_here, sockets, taker};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Match, VirtualService};
use crate::ipvs::ServiceId;

kinds! {
    NEVER_MARKED = "LVS054", Note, Traffic,
    title: "Nothing was ever marked for a service by firewall mark",
    impact: "packets without the mark meet the director's own ports, and clients are refused",
    explanation: "A service by firewall mark takes what a firewall has marked before routing, in prerouting or by tc on the interface; a mark set later, or by no rule at all, is none. \
        Rules cannot be read here, but the service counts connections, and it has counted none since it was added or zeroed. \
        If clients did ask, the rules are missing: lvsctl plan shows them. Otherwise this note goes away with the first client.";

    SHADOWED_BY_MARK = "LVS055", Warning, Services,
    title: "A mark takes the packets of another service",
    impact: "the service never gets a connection: a mark comes before an address, and the last rule before others",
    explanation: "The kernel looks at the firewall mark first, and only then at address and port. A match of every port (port 0) marks what a service of one port waits for as well; \
        among rules that match the same packet the last one in the file sets the mark. \
        Name the ports in match one by one, or put the service that should win last.";
}

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
            SHADOWED_BY_MARK
                .finding(service.service.id, seen)
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
        NEVER_MARKED
            .finding(service.service.id, seen)
            .on(&facts.node)
            .fix("load the rules that lvsctl plan FILE prints, with nft -f")
    })
}
