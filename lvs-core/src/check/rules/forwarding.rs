//! Routing on the director, where answers of masqueraded real servers arrive.

use std::collections::BTreeSet;

use crate::check::kind::kinds;
use crate::check::scene::{director_here, families, masquerades};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Director};
use crate::ipvs::Family;
use crate::name::IfName;
use crate::sysctl::SysctlKey;

kinds! {
    FORWARDING = "LVS019", Error, Routing,
    title: "The director does not route where answers arrive",
    impact: "answers of the real servers are dropped on the director",
    explanation: "IPVS sends masqueraded requests on by itself, but answers are routed like any packet: the interface where they arrive needs forwarding=1. \
        That is the interface's own switch. ip_forward sets it everywhere, but only when its value changes, so ip_forward=1 does not prove it. \
        Direct routing needs none of this. It shows as packets in and none out.";
}

/// The switch of IPv6; its interfaces follow it.
const IPV6: &str = "net/ipv6/conf/all/forwarding";

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let Some(director) = director_here(cluster, facts) else {
        return Vec::new();
    };
    let (mut ipv4, mut ipv6) = (BTreeSet::new(), false);
    for (interface, family) in answering(cluster, director) {
        match family {
            Family::Ipv4 => drop(ipv4.insert(interface)),
            Family::Ipv6 => ipv6 = true,
        }
    }
    let off = |interface: &IfName| facts.effective().forwarding(interface) == Some(0);
    let mut found: Vec<_> = ipv4
        .iter()
        .filter(|interface| off(interface))
        .map(|interface| finding(facts, format!("net/ipv4/conf/{interface}/forwarding")))
        .collect();
    let key = SysctlKey::new(IPV6).ok();
    let value = key.and_then(|key| facts.sysctls.get(&key));
    if ipv6 && value.is_some_and(|value| value == "0") {
        found.push(finding(facts, IPV6.to_owned()));
    }
    found
}

fn finding(facts: &Facts, key: String) -> Finding {
    let seen = "it is 0, and answers of masqueraded real servers arrive there";
    // The one switch sets all interfaces, but only when its value changes.
    let is_off = facts
        .sysctls
        .get(&SysctlKey::IP_FORWARD)
        .is_some_and(|it| it == "0");
    let fix = match is_off && key != IPV6 {
        true => format!("sysctl -w {}=1", SysctlKey::IP_FORWARD),
        false => format!("sysctl -w {key}=1"),
    };
    FORWARDING.finding(key, seen).on(&facts.node).fix(fix)
}

/// The director's interfaces where answers arrive: those on a network of a masqueraded real server.
fn answering<'a>(
    cluster: &'a Cluster,
    director: &'a Director,
) -> impl Iterator<Item = (&'a IfName, Family)> {
    let servers = cluster.real_servers().iter();
    servers.flat_map(move |server| {
        let families = families(cluster, &server.name, masquerades);
        let rips = families
            .into_iter()
            .filter_map(|family| Some((server.real_ip(family)?, family)));
        rips.flat_map(|(rip, family)| {
            let addresses = director.addresses.iter();
            let near = addresses.filter(move |address| address.id.network.contains(&rip));
            near.map(move |address| (&address.id.interface, family))
        })
    })
}
