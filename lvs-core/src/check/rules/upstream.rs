//! Virtual IPs that no network of the director contains.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::{is_wide, sharing_network};
use crate::check::scene::{DirectorScene, Place, Scene};
use crate::cluster::Director;
use crate::name::IfName;
use crate::net::Address;

kinds! {
    VIP_UPSTREAM = "LVS010", Note, Routing,
    title: "The virtual IP is on no network of the director",
    impact: "no neighbour sends ARP requests for it by itself; routers need a route",
    explanation: "\
        A virtual IP outside the networks of the director is reached only if the router in front has a \
        route to it: through the director's address as gateway, or as a host route on that link. This is \
        sound and usual with direct routing, but it is configured on the router. Until then no packet \
        arrives; this note disappears once connections were counted.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    // It does not concern other nodes of the cluster, nor a standby.
    let is_concerned = |director: &Director| match &scene.place {
        Place::Paper => true,
        Place::Director(here) => here.node.name == director.name && !here.facts.is_standby(),
        Place::RealServer(_) => false,
    };
    scene
        .cluster
        .directors()
        .iter()
        .filter(|director| is_concerned(director))
        .flat_map(|director| {
            let here = scene.director(&director.name);
            scene
                .cluster
                .virtual_ips()
                .iter()
                .copied()
                .filter(move |vip| !here.is_some_and(|here| here.has_been_reached(*vip)))
                .filter_map(|vip| judge(director, vip))
        })
        .collect()
}

impl DirectorScene<'_> {
    /// Returns whether a client was counted that connected to a virtual IP.
    fn has_been_reached(&self, vip: IpAddr) -> bool {
        self.cluster
            .services()
            .iter()
            .filter(|service| service.vips().contains(&vip))
            .filter_map(|service| self.facts.now()?.service(&service.service.id))
            .any(|listed| listed.status.stats.connections > 0)
    }
}

fn judge(director: &Director, vip: IpAddr) -> Option<Finding> {
    if sharing_network(&director.addresses, vip).next().is_some() {
        return None;
    }
    let interface = &director.address(vip)?.id.interface;
    let seen = format!("{vip} is on no network of {}", director.name);
    let finding = VIP_UPSTREAM.finding(vip, seen).on(&director.name);
    Some(match next_hop(director, interface, vip) {
        Some(next_hop) => finding.fix(format!(
            "on the router in front: add a route to {vip} via {}, or a host route on that link",
            next_hop.id.network.addr()
        )),
        None => finding.fix(format!(
            "on the router in front: add a host route to {vip} on the link of {interface}"
        )),
    })
}

/// Returns the director's own address on the virtual IP's interface, which a router can use as next hop.
fn next_hop<'a>(director: &'a Director, interface: &IfName, vip: IpAddr) -> Option<&'a Address> {
    director.addresses.iter().find(|address| {
        let network = &address.id.network;
        address.id.interface == *interface
            && is_wide(network)
            && network.addr().is_ipv4() == vip.is_ipv4()
    })
}
