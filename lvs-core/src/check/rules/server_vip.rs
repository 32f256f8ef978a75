//! The virtual IP on a real server: on lo, as a single address.

use std::net::IpAddr;

use crate::check::view::{direct_vips, server_here};
use crate::check::{Code, Facts, Finding};
use crate::cluster::Cluster;
use crate::name::IfName;
use crate::net::Address;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| server_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    let vips = direct_vips(cluster, &facts.node);
    let mut found = Vec::new();
    for vip in vips {
        if facts.carrying(vip).next().is_none() {
            found.push(missing(facts, vip));
        }
        let carried = facts.carrying(vip);
        found.extend(carried.filter_map(|address| exposed(facts, address)));
    }
    found
}

fn alone(vip: IpAddr) -> String {
    match vip {
        IpAddr::V4(_) => format!("{vip}/32 broadcast {vip} dev lo"),
        IpAddr::V6(_) => format!("{vip}/128 dev lo nodad"),
    }
}

fn missing(facts: &Facts, vip: IpAddr) -> Finding {
    let id = format!("{vip}/{} on lo", if vip.is_ipv4() { 32 } else { 128 });
    let seen = format!("no interface has {vip}");
    Finding::new(Code::VIP_MISSING_ON_SERVER, id, seen)
        .on(&facts.node)
        .mend("sysctl -w net/ipv4/conf/all/arp_ignore=1 net/ipv4/conf/all/arp_announce=2")
        .mend(format!("ip address add {}", alone(vip)))
}

/// Only an interface without neighbours keeps it to itself.
fn exposed(facts: &Facts, address: &Address) -> Option<Finding> {
    let interface = &address.id.interface;
    let link = facts.links.iter().find(|link| link.name == *interface);
    let silent = link
        .and_then(|link| link.kind.as_deref())
        .is_some_and(|kind| matches!(kind, "dummy" | "ipip" | "gre" | "sit" | "ip6tnl" | "ip6gre"));
    let ip = address.id.network.addr();
    let seen = format!("{interface} has {}, and answers for it", address.id.network);
    (*interface != IfName::LO && !silent).then(|| {
        Finding::new(Code::VIP_ON_NIC, &address.id, seen)
            .on(&facts.node)
            .mend(format!(
                "ip address del {} dev {interface} && ip address add {}",
                address.id.network,
                alone(ip)
            ))
    })
}
