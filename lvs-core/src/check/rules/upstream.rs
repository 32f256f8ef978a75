//! Virtual IPs that no network of the director contains.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::is_wide;
use crate::check::scene::{DirectorScene, Place, Scene};
use crate::cluster::{Director, VirtualService};
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
            let reached = here.map(DirectorScene::reached_vips).unwrap_or_default();
            let own: Vec<_> = director
                .addresses
                .iter()
                .filter(|address| is_wide(&address.id.network))
                .collect();
            let vips = scene.cluster.virtual_ips();
            director
                .addresses
                .iter()
                .filter(move |address| {
                    let ip = address.id.network.addr();
                    vips.contains(&ip) && !reached.contains(&ip)
                })
                .filter_map(move |vip| judge(director, &own, vip))
        })
        .collect()
}

impl DirectorScene<'_> {
    /// Returns the virtual IPs to which a client was counted that connected.
    fn reached_vips(&self) -> BTreeSet<IpAddr> {
        self.cluster
            .services()
            .iter()
            .filter(|service| {
                let listed = self.index.listed(&service.service.id);
                listed.is_some_and(|listed| listed.status.stats.connections > 0)
            })
            .flat_map(VirtualService::vips)
            .collect()
    }
}

fn judge(director: &Director, own: &[&Address], vip: &Address) -> Option<Finding> {
    let (interface, ip) = (&vip.id.interface, vip.id.network.addr());
    if own.iter().any(|address| address.id.network.contains(&ip)) {
        return None;
    }
    let seen = format!("{ip} is on no network of {}", director.name);
    let finding = VIP_UPSTREAM.finding(ip, seen).on(&director.name);
    // The director's own address on that interface, which a router can use as next hop.
    let next_hop = own.iter().find(|address| {
        address.id.interface == *interface && address.id.network.addr().is_ipv4() == ip.is_ipv4()
    });
    Some(match next_hop {
        Some(next_hop) => finding.fix(format!(
            "on the router in front: add a route to {ip} via {}, or a host route on that link",
            next_hop.id.network.addr()
        )),
        None => finding.fix(format!(
            "on the router in front: add a host route to {ip} on the link of {interface}"
        )),
    })
}
