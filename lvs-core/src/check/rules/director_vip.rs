//! The virtual IP on the director.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{carrier, director_here};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Director};

kinds! {
    VIP_MISSING_ON_DIRECTOR = "LVS006", Error, Addresses,
    title: "The director lacks the virtual IP",
    impact: "nobody answers for it, and packets that arrive all the same are not delivered to IPVS",
    explanation: "IPVS sees packets on their way to a local socket; a virtual IP that is no address of the director never comes that far. \
        Clients see \"no route to host\" and the service counts nothing. Somebody deleted it, or another address of its network went away and took it along. \
        Add it with the prefix of the file.";

    FLOATING_ON_STANDBY = "LVS060", Error, Arp,
    title: "A standby director carries an address of the active one",
    impact: "both directors answer for it, and neighbours go to the one they heard last",
    explanation: "Of two directors only the active one may carry the floating addresses: virtual IPs, and the gateway of masqueraded real servers. \
        A standby that has one as well was never told that it is standby, or somebody added the address by hand. \
        Take it away there, or make that one active and the other one standby; who decides that is a VRRP daemon like keepalived.";
}

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
        FLOATING_ON_STANDBY
            .finding(id, seen)
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
    let finding = VIP_MISSING_ON_DIRECTOR
        .finding(id, seen)
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
