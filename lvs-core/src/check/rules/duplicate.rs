//! IPv6 addresses that another machine has too.

use std::net::IpAddr;

use super::server_vip::has_neighbours;
use crate::check::kind::kinds;
use crate::check::scene::server_here;
use crate::check::{Facts, Finding};
use crate::cluster::Cluster;
use crate::net::AddressId;

kinds! {
    DUPLICATE_ADDRESS = "LVS011", Error, Addresses,
    title: "An IPv6 address is not in use because another machine has it",
    impact: "the kernel does not use an address that failed duplicate address detection",
    explanation: "Before it uses an IPv6 address, the kernel asks whether anybody has it. On a real server the answer for a virtual IP is yes, the director, \
        and the address stays marked dadfailed, useless. Add it to lo with nodad, as the plan does; \
        on the director, find the other machine first.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let vips = cluster.virtual_ips();
    // On a real server's network interface it is a mistake of its own.
    let misplaced = |ip: &IpAddr| {
        let mut carried = facts.carrying(*ip);
        server_here(cluster, facts).is_some()
            && carried.any(|address| has_neighbours(facts, &address.id.interface))
    };
    let duplicates = facts.duplicates.iter().filter(|ip| vips.contains(ip));
    let duplicates = duplicates.filter(|ip| !misplaced(ip));
    let found = duplicates.map(|ip| {
        let seen = format!("{ip} failed duplicate address detection");
        let finding = DUPLICATE_ADDRESS.finding(ip, seen).on(&facts.node);
        let finding = finding.fix("first, take it off the other machine, whose MAC --arp names");
        let again = facts.carrying(*ip).map(|address| again(&address.id));
        again.fold(finding, Finding::fix)
    });
    found.collect()
}

/// The kernel asks once, when an address is added.
fn again(id: &AddressId) -> String {
    let line = |verb| format!("ip address {verb} {} dev {}", id.network, id.interface);
    format!("{} && {}", line("del"), line("add"))
}
