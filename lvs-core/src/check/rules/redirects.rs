//! ICMP redirects, with masquerading over a single interface.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::{Place, Scene};
use crate::cluster::{Director, VirtualService};
use crate::name::IfName;
use crate::net::Address;

kinds! {
    REDIRECTS = "LVS017", Warning, Routing,
    title: "Masquerading over a single interface with redirects on",
    impact: "the director tells real servers of a shorter path to clients on the same link; they use it, and answers are no longer rewritten",
    explanation: "\
        When a packet leaves by the interface by which it came in, a router sends an ICMP redirect. With \
        NAT on one interface this redirect does harm: the service works until a real server believes it. \
        The sysctl is on if either conf/all or the interface is on, so both have to be 0, and the real \
        servers should have accept_redirects=0. Two interfaces, one for clients and one for real \
        servers, avoid the problem altogether.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let is_told = |director: &Director| match &scene.place {
        Place::Director(here) => here.node.name == director.name,
        Place::Paper | Place::RealServer(_) => true,
    };
    scene
        .cluster
        .directors()
        .iter()
        .filter(|director| is_told(director))
        .flat_map(|director| {
            let places = director.addresses_by_ip();
            let services = scene.cluster.services().iter();
            services
                .filter(|service| service.is_masqueraded())
                .filter_map(move |service| judge(scene, director, &places, service))
        })
        .collect()
}

fn judge(
    scene: &Scene<'_>,
    director: &Director,
    places: &HashMap<IpAddr, &Address>,
    service: &VirtualService,
) -> Option<Finding> {
    let interface = service
        .vips()
        .into_iter()
        .filter_map(|vip| Some(&places.get(&vip)?.id.interface))
        .find(|interface| faces_masqueraded(scene, director, service, interface))?;
    let redirects = scene
        .director(&director.name)
        .and_then(|scene| scene.facts.effective().send_redirects(interface));
    let state = match redirects {
        Some(0) => return None,
        Some(_) => "and the director sends redirects",
        None => "which works only with redirects off",
    };
    let seen = format!("clients and real servers are both on {interface}, {state}");
    Some(
        REDIRECTS
            .finding(interface, seen)
            .on(&director.name)
            .fix(format!(
                "sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/{}/send_redirects=0",
                interface.quoted()
            ))
            .fix("or give the director a second interface for the real servers"),
    )
}

/// Returns whether real servers that a service masquerades are on the network of an interface. Only IPv4 has the
/// sysctl.
fn faces_masqueraded(
    scene: &Scene<'_>,
    director: &Director,
    service: &VirtualService,
    interface: &IfName,
) -> bool {
    scene
        .cluster
        .masqueraded_servers(service)
        .filter_map(|server| server.real_ip(service.service.id.family()))
        .filter(|rip| rip.is_ipv4())
        .any(|rip| {
            sharing_network(&director.addresses, rip)
                .any(|address| address.id.interface == *interface)
        })
}
