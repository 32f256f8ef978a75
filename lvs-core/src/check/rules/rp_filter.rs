//! The check of where packets come from, which dislikes answers that take another way.

use std::collections::BTreeSet;

use crate::check::kind::kinds;
use crate::check::scene::{around, families, server_here, state};
use crate::check::{Facts, Finding, Severity};
use crate::cluster::Cluster;
use crate::ipvs::{Family, Forwarding};
use crate::name::IfName;
use crate::sysctl::{Conf, SysctlKey};

kinds! {
    RP_FILTER = "LVS020", Warning, Routing,
    title: "Packets of clients arrive by another way than they are answered",
    impact: "strict rp_filter drops every packet whose source would be answered by another interface",
    explanation: "rp_filter=1 drops a packet unless the route back to its source leaves by the interface it arrived on; the greater of conf/all and the interface counts. \
        In direct routing that is common: requests come from the director by one interface, answers leave by another. \
        The kernel drops without a word, but counts IPReversePathFilter. Set it to 2, loose, there; 0 in one place does not help while the other is 1.";
}

/// The level that drops.
const STRICT: i64 = 1;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let mut found = unwrapped(cluster, facts);
    found.extend(direct(cluster, facts));
    found
}

/// Where packets are unwrapped: no answer ever leaves by such a device.
fn unwrapped(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let Some(node) = state(cluster, facts) else {
        return Vec::new();
    };
    let devices = node.tunnels.iter().map(|wanted| &wanted.value.name);
    let found = devices.filter(|name| {
        let key = SysctlKey::rp_filter(&Conf::Interface((*name).clone()));
        node.sysctls.contains_key(&key) && facts.effective().rp_filter(name) == Some(STRICT)
    });
    found
        .map(|name| {
            let seen = format!(
                "rp_filter is 1 (the greater of all and {name}): every packet that is unwrapped is dropped"
            );
            finding(facts, name, seen).severity(Severity::Error)
        })
        .collect()
}

fn direct(cluster: &Cluster, facts: &Facts) -> Vec<Finding> {
    let is_direct = |it| it == Forwarding::DirectRouting;
    if !families(cluster, &facts.node, is_direct).contains(&Family::Ipv4) {
        return Vec::new();
    }
    let Some(leaving) = way_out(facts) else {
        return Vec::new();
    };
    let arriving = arriving(cluster, facts).into_iter();
    let dropping = arriving.filter(|interface| {
        *interface != leaving && facts.effective().rp_filter(interface) == Some(STRICT)
    });
    let found = dropping.map(|interface| {
        let seen = format!(
            "rp_filter is 1 (the greater of all and {interface}), and clients are answered by {leaving}"
        );
        finding(facts, interface, seen)
    });
    found.collect()
}

fn finding(facts: &Facts, interface: &IfName, seen: String) -> Finding {
    RP_FILTER
        .finding(interface, seen)
        .on(&facts.node)
        .fix(format!("sysctl -w net/ipv4/conf/{interface}/rp_filter=2"))
}

/// The interface by which clients are answered.
fn way_out(facts: &Facts) -> Option<&IfName> {
    let defaults = facts.routes.iter().filter(|route| route.id.is_default());
    let ipv4 = defaults.filter(|route| route.id.destination.addr().is_ipv4());
    ipv4.min_by_key(|route| route.id.metric)?.interface.as_ref()
}

/// The interfaces where the director's packets arrive: those on a network of the director.
fn arriving<'a>(cluster: &Cluster, facts: &'a Facts) -> BTreeSet<&'a IfName> {
    let rip = server_here(cluster, facts).and_then(|it| it.real_ip(Family::Ipv4));
    let networks = rip
        .into_iter()
        .flat_map(|rip| around(&facts.addresses, rip));
    networks.map(|address| &address.id.interface).collect()
}
