//! The virtual IP on a real server: where nobody asks for it, as a single address.

use std::net::IpAddr;

use super::tunnel::is_fit;
use crate::check::view::{carried_vips, receives, state};
use crate::check::{Code, Facts, Finding};
use crate::cluster::change::{Change, Object};
use crate::cluster::{Cluster, DesiredState};
use crate::name::IfName;
use crate::net::Address;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| receives(cluster, facts)) else {
        return Vec::new();
    };
    let Some(node) = state(cluster, facts) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for vip in carried_vips(cluster, &facts.node) {
        let wanted = node.addresses.iter().map(|wanted| &wanted.value);
        let Some(wanted) = wanted.into_iter().find(|it| it.id.network.addr() == vip) else {
            continue;
        };
        let place = &wanted.id.interface;
        // On a device that is not there, or down, no address can be.
        if facts.carrying(vip).next().is_none() && is_fit(facts, &node, place) {
            found.push(missing(facts, &node, wanted));
        }
        let carried = facts.carrying(vip);
        found.extend(carried.filter_map(|address| exposed(facts, address, wanted)));
    }
    found
}

/// The line that adds an address as the plan does.
fn add(address: &Address) -> String {
    Change::Add(Object::Address(address.clone())).to_shell()
}

fn missing(facts: &Facts, node: &DesiredState, wanted: &Address) -> Finding {
    let vip = wanted.id.network.addr();
    let seen = format!("no interface has {vip}");
    let finding = Finding::new(Code::VIP_MISSING_ON_SERVER, &wanted.id, seen).on(&facts.node);
    let finding = match vip {
        IpAddr::V4(_) => finding
            .mend("sysctl -w net/ipv4/conf/all/arp_ignore=1 net/ipv4/conf/all/arp_announce=2"),
        IpAddr::V6(_) => finding,
    };
    let finding = finding.mend(add(wanted));
    // With the last address of a device go its routes.
    let mut routes = node.routes.iter().map(|it| &it.value);
    let route = routes.find(|route| route.id.destination == wanted.id.network);
    let route = route.filter(|route| !facts.routes.iter().any(|it| it.id == route.id));
    match route {
        Some(route) => finding.mend(Change::Add(Object::Route(route.clone())).to_shell()),
        None => finding,
    }
}

/// Only an interface without neighbours keeps it to itself.
fn exposed(facts: &Facts, address: &Address, wanted: &Address) -> Option<Finding> {
    if !has_neighbours(facts, &address.id.interface) {
        return None;
    }
    let (interface, network) = (&address.id.interface, &address.id.network);
    let ip = network.addr();
    let seen = match facts.duplicates.contains(&ip) {
        true => format!("{interface} has {network}, and does not use it: another machine has it"),
        false => format!("{interface} has {network}, and answers for it"),
    };
    let delete = format!("ip address del {network} dev {interface}");
    let elsewhere = facts
        .carrying(ip)
        .any(|other| !has_neighbours(facts, &other.id.interface));
    let mend = match elsewhere {
        true => delete,
        false => format!("{delete} && {}", add(wanted)),
    };
    Some(
        Finding::new(Code::VIP_ON_NIC, &address.id, seen)
            .on(&facts.node)
            .mend(mend),
    )
}

/// Whether machines beyond an interface can ask for its addresses.
pub(super) fn has_neighbours(facts: &Facts, interface: &IfName) -> bool {
    let mut links = facts.links.iter();
    let link = links.find(|link| link.name == *interface);
    let silent = link
        .and_then(|link| link.kind.as_deref())
        .is_some_and(|kind| matches!(kind, "dummy" | "ipip" | "gre" | "sit" | "ip6tnl" | "ip6gre"));
    *interface != IfName::LO && !silent
}
