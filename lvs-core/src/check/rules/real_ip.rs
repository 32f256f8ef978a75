//! Addresses that no packet reaches.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::served;
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, RealServer};

kinds! {
    REAL_IP = "LVS012", Error, Addresses,
    title: "A real server's address cannot be a destination",
    impact: "the director would send the packets to itself, or the kernel refuses the destination",
    explanation: "The address of a real server must be one that the director reaches over a network. A loopback address is the director's own, \
        and IPVS refuses IPv6 link-local addresses because it does not know the link. The kernel takes 127.0.0.1 without a word. \
        Put the address on the network first in the real server's list.";
}

pub(super) fn check(cluster: &Cluster, _: Option<&Facts>) -> Vec<Finding> {
    let servers = cluster.real_servers().iter();
    servers.flat_map(|server| judge(cluster, server)).collect()
}

fn judge(cluster: &Cluster, server: &RealServer) -> Vec<Finding> {
    let families: BTreeSet<_> = served(cluster, &server.name)
        .map(|(service, _)| service.service.id.family())
        .collect();
    let rips = families.into_iter().filter_map(|it| server.real_ip(it));
    let found = rips.filter_map(|rip| {
        let seen = format!("its real IP is {rip}, {}", problem(rip)?);
        let finding = REAL_IP.finding(rip, seen).on(&server.name);
        Some(finding.fix("in the file: put an address of its network first in addresses"))
    });
    found.collect()
}

/// Why no packet for it leaves the director, if none does.
pub(super) fn problem(rip: IpAddr) -> Option<&'static str> {
    match rip {
        _ if rip.is_loopback() => Some("which is the director itself to the director"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("which IPVS refuses: it knows no links")
        }
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("which is no address of a machine"),
        _ => None,
    }
}
