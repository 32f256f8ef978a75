//! Masquerading over a single interface.

use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{around, carrier, facts_of, server};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Director, VirtualService};
use crate::ipvs::Forwarding;
use crate::name::IfName;
use crate::net::Address;

kinds! {
    REDIRECTS = "LVS017", Warning, Routing,
    title: "Masquerading over a single interface with redirects on",
    impact: "the director tells real servers of a shorter way to clients on the same link; they take it, and answers are no longer rewritten",
    explanation: "When a packet leaves by the interface it came in by, a router sends an ICMP redirect. With NAT on one interface that advice is poison: it works until a real server \
        believes it. The switch is on if either conf/all or the interface is on, so both have to be 0, and the real servers \
        should have accept_redirects=0. Two interfaces, one for clients and one for real servers, avoid it altogether.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let directors = cluster.directors().iter();
    let found = directors.flat_map(|director| {
        let facts = facts_of(facts, &director.name);
        let services = cluster.services().iter();
        services.filter_map(move |service| judge(cluster, director, service, facts))
    });
    found.collect()
}

fn judge(
    cluster: &Cluster,
    director: &Director,
    service: &VirtualService,
    facts: Option<&Facts>,
) -> Option<Finding> {
    let vips = service.vips().into_iter();
    let mut carriers = vips.filter_map(|vip| carrier(director, vip));
    let is_shared = |it: &&Address| {
        let interface = &it.id.interface;
        rips(cluster, service).any(|rip| faces(director, interface, rip))
    };
    let interface = &carriers.find(is_shared)?.id.interface;
    let state = match facts.and_then(|facts| facts.effective().send_redirects(interface)) {
        Some(0) => return None,
        Some(_) => "and it sends redirects",
        None => "which is sound only with redirects off",
    };
    let seen = format!("clients and real servers are both on {interface}, {state}");
    Some(
        REDIRECTS.finding(interface, seen)
            .on(&director.name)
            .fix(format!(
                "sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/{interface}/send_redirects=0"
            ))
            .fix("or give the director a second interface for the real servers"),
    )
}

/// The addresses of the real servers that a service masquerades, of IPv4: IPv6 has no such switch.
fn rips<'a>(
    cluster: &'a Cluster,
    service: &'a VirtualService,
) -> impl Iterator<Item = IpAddr> + 'a {
    let destinations = service.destinations.iter();
    destinations
        .filter(|it| it.forwarding == Forwarding::Masquerade)
        .filter_map(|it| server(cluster, &it.real_server))
        .filter_map(|server| server.real_ip(service.service.id.family()))
        .filter(IpAddr::is_ipv4)
}

fn faces(director: &Director, interface: &IfName, rip: IpAddr) -> bool {
    let mut near = around(&director.addresses, rip);
    near.any(|address| address.id.interface == *interface)
}
