//! IPv6 addresses that another machine has too.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};
use crate::net::AddressId;

kinds! {
    DUPLICATE_ADDRESS = "LVS011", Error, Addresses,
    title: "An IPv6 address is not in use because another machine has it",
    impact: "the kernel does not use an address that failed duplicate address detection",
    explanation: "Before it uses an IPv6 address, the kernel asks whether anybody has it. On a real server the answer for a virtual IP is yes, the director, \
        and the address stays marked dadfailed, useless. Add it to lo with nodad, as the plan does; \
        on the director, find the other machine first.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(facts) = scene.facts else {
        return Vec::new();
    };
    let vips = scene.cluster.virtual_ips();
    // On a network interface of a real server it is a mistake of its own.
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
        .map(|ip| {
            let finding = DUPLICATE_ADDRESS
                .finding(*ip, format!("{ip} failed duplicate address detection"))
                .on(&facts.node)
                .fix("first, take it off the other machine, whose MAC --arp names");
            facts
                .carrying(*ip)
                .map(|address| again(&address.id))
                .fold(finding, Finding::fix)
        })
        .collect()
}

/// The kernel asks once, when an address is added.
fn again(id: &AddressId) -> String {
    let line = |verb| format!("ip address {verb} {} dev {}", id.network, id.interface);
    format!("{} && {}", line("del"), line("add"))
}
