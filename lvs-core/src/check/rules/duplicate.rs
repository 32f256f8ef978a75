//! IPv6 addresses that another machine has too.

use std::net::IpAddr;

use super::server_vip::has_neighbours;
use crate::check::view::server_here;
use crate::check::{Code, Facts, Finding};
use crate::cluster::Cluster;

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
        Finding::new(Code::DUPLICATE_ADDRESS, ip, seen)
            .on(&facts.node)
            .mend(format!(
                "on a real server: delete it and ip address add {ip}/128 dev lo nodad; \
                 on the director: find the machine that has it"
            ))
    });
    found.collect()
}
