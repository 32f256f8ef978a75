//! Addresses of real servers that no packet reaches.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::{Cluster, RealServer};

kinds! {
    REAL_IP = "LVS012", Error, Addresses,
    title: "A real server's address cannot be a destination",
    impact: "the director would send the packets to itself, or the kernel refuses the destination",
    explanation: "\
        The director must reach the address of a real server over a network. A loopback address is the \
        director's own, and IPVS refuses IPv6 link-local addresses because it does not know their link. \
        The kernel accepts 127.0.0.1 without an error. Put the address on the network first in the real \
        server's list.";
}

pub(super) fn check(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .real_servers()
        .iter()
        .flat_map(|server| {
            cluster
                .families_served_by(&server.name, |_| true)
                .into_iter()
                .filter(|family| {
                    cluster.masqueraded(&server.name).contains(family) || !is_director(server)
                })
                .filter_map(|family| judge(server, server.real_ip(family)?))
        })
        .collect()
}

/// Returns whether only loopback addresses are given: then the director itself is meant, which serves at them by
/// every method but masquerading.
fn is_director(server: &RealServer) -> bool {
    server
        .addresses
        .iter()
        .map(|address| address.id.network)
        .all(|network| network.addr().is_loopback())
}

fn judge(server: &RealServer, rip: IpAddr) -> Option<Finding> {
    let seen = format!("its real IP is {rip}, {}", problem(rip)?);
    Some(
        REAL_IP
            .finding(rip, seen)
            .on(&server.name)
            .fix("in the file: put an address of its network first in addresses"),
    )
}

/// Returns why no packet for an address leaves the director, if none does.
pub(super) fn problem(rip: IpAddr) -> Option<&'static str> {
    match rip {
        _ if rip.is_loopback() => Some("which to the director is the director itself"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("which IPVS refuses because it knows no links")
        }
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("which is no address of a host"),
        _ => None,
    }
}
