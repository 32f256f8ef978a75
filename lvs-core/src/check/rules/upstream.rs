//! Virtual IPs that no network of the director contains.

use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{around, carrier, facts_of, is_wide};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Director};
use crate::net::Address;

kinds! {
    VIP_UPSTREAM = "LVS010", Note, Routing,
    title: "The virtual IP is on no network of the director",
    impact: "no neighbour will ask for it by itself; routers have to be told the way",
    explanation: "A virtual IP outside the networks of the director is reached only where the router in front has a route to it: \
        to the director's address as gateway, or as a host route on that link. That is sound, and the usual way of direct routing, \
        but it is done on the router. Nothing arrives until it is; this note goes away once connections were counted.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    // Another machine of the cluster has nothing to do with it, nor has a director that waits.
    let elsewhere = |director: &Director| {
        let ours = facts.filter(|facts| cluster.node_names().any(|name| *name == facts.node));
        ours.is_some_and(|facts| facts.node != director.name || facts.is_standby())
    };
    let directors = cluster.directors().iter();
    let directors = directors.filter(|director| !elsewhere(director));
    let found = directors.flat_map(|director| {
        let facts = facts_of(facts, &director.name);
        let vips = cluster.virtual_ips().into_iter();
        vips.filter(move |vip| !facts.is_some_and(|facts| is_reached(cluster, facts, *vip)))
            .filter_map(|vip| judge(director, vip))
    });
    found.collect()
}

/// Somebody was counted who connected to it.
fn is_reached(cluster: &Cluster, facts: &Facts, vip: IpAddr) -> bool {
    let services = cluster.services().iter();
    let mut ours = services.filter(|service| service.vips().contains(&vip));
    ours.any(|service| {
        let entry = facts.now().and_then(|now| now.service(&service.service.id));
        entry.is_some_and(|entry| entry.status.stats.connections > 0)
    })
}

fn judge(director: &Director, vip: IpAddr) -> Option<Finding> {
    if around(&director.addresses, vip).next().is_some() {
        return None;
    }
    let interface = &carrier(director, vip)?.id.interface;
    let seen = format!("{vip} is on no network of {}", director.name);
    let finding = VIP_UPSTREAM.finding(vip, seen).on(&director.name);
    Some(match gateway(director, interface, vip) {
        Some(via) => finding.fix(format!(
            "on the router in front: a route to {vip} via {}, or a host route on that link",
            via.id.network.addr()
        )),
        None => finding.fix(format!(
            "on the router in front: a host route to {vip} on the link of {interface}"
        )),
    })
}

/// The director's own address on the virtual IP's interface, which a router can use as next hop.
fn gateway<'a>(
    director: &'a Director,
    interface: &crate::name::IfName,
    vip: IpAddr,
) -> Option<&'a Address> {
    let mut addresses = director.addresses.iter();
    addresses.find(|it| {
        let network = &it.id.network;
        it.id.interface == *interface
            && is_wide(network)
            && network.addr().is_ipv4() == vip.is_ipv4()
    })
}
