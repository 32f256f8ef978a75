//! The virtual IP on the director.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::scene::{carrier, director_here};
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, Director};

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let Some(director) = director_here(cluster, facts) else {
        return Vec::new();
    };
    if facts.is_standby() {
        return floating(director, facts);
    }
    let vips = cluster.virtual_ips();
    let needed: BTreeSet<_> = vips.union(&director.floating).copied().collect();
    let missing = needed
        .into_iter()
        .filter(|ip| !is_carried(cluster, director, facts, *ip));
    missing
        .filter_map(|ip| finding(director, facts, ip))
        .collect()
}

/// One of two directors has a virtual IP of direct routing on lo besides, which does not draw traffic.
fn is_carried(cluster: &Cluster, director: &Director, facts: &Facts, ip: IpAddr) -> bool {
    let place = carrier(director, ip).map(|it| &it.id.interface);
    let mut carried = facts.carrying(ip);
    carried.any(|address| !cluster.is_paired() || Some(&address.id.interface) == place)
}

/// What only the active one may carry.
fn floating(director: &Director, facts: &Facts) -> Vec<Finding> {
    let floating = director.addresses.iter();
    let floating = floating.filter(|address| director.is_floating(address));
    let carried = floating.filter(|address| facts.addresses.iter().any(|it| it.id == address.id));
    let found = carried.map(|address| {
        let id = &address.id;
        let seen = format!("{} has it, and is not the active one", id.interface);
        Finding::new(Code::FLOATING_ON_STANDBY, id, seen)
            .on(&facts.node)
            .fix(format!(
                "ip address del {} dev {}",
                id.network, id.interface
            ))
            .fix("or lvsctl apply FILE --role active, if this one is to take over")
    });
    found.collect()
}

/// The default route goes with the address by whose network its gateway was reached.
fn finding(director: &Director, facts: &Facts, vip: IpAddr) -> Option<Finding> {
    let id = &carrier(director, vip)?.id;
    let seen = format!("no interface has {vip}");
    let finding = Finding::new(Code::VIP_MISSING_ON_DIRECTOR, id, seen)
        .on(&facts.node)
        .fix(format!(
            "ip address add {} dev {}",
            id.network, id.interface
        ));
    let gateway = director.gateway.filter(|it| id.network.contains(it));
    let has_route = facts.routes.iter().any(|route| {
        route.id.is_default() && route.id.destination.addr().is_ipv4() == vip.is_ipv4()
    });
    Some(match gateway {
        Some(gateway) if !has_route => {
            finding.fix(format!("ip route replace default via {gateway}"))
        }
        _ => finding,
    })
}
