//! IPv6 addresses that another host has too.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};
use crate::cluster::change::{Change, Object};
use crate::net::{Address, AddressId};

kinds! {
    DUPLICATE_ADDRESS = "LVS011", Error, Addresses,
    title: "An IPv6 address is not in use because another host has it",
    impact: "the kernel does not use an address that failed duplicate address detection",
    explanation: "\
        Before it uses an IPv6 address, the kernel asks whether another host has it. For a virtual IP on \
        a real server the director answers, and the address stays marked dadfailed and unused. Add it to \
        lo with nodad, as the plan does; on the director, find the other host first.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(facts) = scene.facts else {
        return Vec::new();
    };
    let vips = scene.cluster.virtual_ips();
    // On a network interface of a real server this is another mistake, with a finding of its own.
    let is_misplaced = |ip: IpAddr| {
        matches!(scene.place, Place::RealServer(_))
            && facts
                .carrying(ip)
                .any(|address| facts.has_neighbours(&address.id.interface))
    };
    facts
        .duplicates
        .iter()
        .filter(|ip| vips.contains(ip) && !is_misplaced(**ip))
        .flat_map(|ip| facts.carrying(*ip))
        .map(|address| {
            let ip = address.id.network.addr();
            let right = scene.desired_address(&address.id).unwrap_or(address);
            DUPLICATE_ADDRESS
                .finding(
                    &address.id,
                    format!("{ip} failed duplicate address detection"),
                )
                .on(&facts.node)
                .fix("first, delete it on the other host, whose MAC address --arp shows")
                .fix(Change::Delete(Object::from(address.clone())).to_shell())
                // The kernel asks again whether another host has it.
                .fix(Change::Add(Object::from(right.clone())).to_shell())
        })
        .collect()
}

impl Scene<'_> {
    /// Returns an address as the plan adds it on the node that the facts are of.
    fn desired_address(&self, id: &AddressId) -> Option<&Address> {
        let desired = match &self.place {
            Place::Paper => return None,
            Place::Director(scene) => &scene.desired,
            Place::RealServer(scene) => &scene.desired,
        };
        desired
            .addresses
            .iter()
            .map(|desired| &desired.value)
            .find(|desired| desired.id == *id)
    }
}
