//! The virtual IP on the director.

use std::net::IpAddr;

use crate::check::view::{carrier, director_here};
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, Director};

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let Some(director) = director_here(cluster, facts) else {
        return Vec::new();
    };
    let vips = cluster.virtual_ips().into_iter();
    let missing = vips.filter(|vip| facts.carrying(*vip).next().is_none());
    missing
        .filter_map(|vip| finding(director, facts, vip))
        .collect()
}

/// The default route goes with the address by whose network its gateway was reached.
fn finding(director: &Director, facts: &Facts, vip: IpAddr) -> Option<Finding> {
    let id = &carrier(director, vip)?.id;
    let seen = format!("no interface has {vip}");
    let finding = Finding::new(Code::VIP_MISSING_ON_DIRECTOR, id, seen)
        .on(&facts.node)
        .mend(format!(
            "ip address add {} dev {}",
            id.network, id.interface
        ));
    let gateway = director.gateway.filter(|it| id.network.contains(it));
    let has_route = facts.routes.iter().any(|route| {
        route.id.is_default() && route.id.destination.addr().is_ipv4() == vip.is_ipv4()
    });
    Some(match gateway {
        Some(gateway) if !has_route => {
            finding.mend(format!("ip route replace default via {gateway}"))
        }
        _ => finding,
    })
}
