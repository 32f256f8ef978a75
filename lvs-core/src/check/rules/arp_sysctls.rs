//! The ARP sysctls of a real server, which keep it quiet about the virtual IP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{around, carried_vips, receives};
use crate::check::{Facts, Finding, Severity};
use crate::cluster::Cluster;
use crate::name::IfName;
use crate::net::Link;

kinds! {
    ARP_IGNORE = "LVS001", Error, Arp,
    title: "A real server answers ARP for the virtual IP",
    impact: "the router may learn this machine's MAC for the virtual IP; then every client lands here, past the director",
    explanation: "In direct routing every real server carries the virtual IP, and only arp_ignore keeps it quiet about it. \
        The kernel takes the greater of conf/all and the interface where the question arrives; a value on lo alone does nothing, \
        conf/default changes nothing for an interface that has an address, and 3 in either place re-opens what 1 had hidden. \
        It shows as one server that gets everything while the director counts no connection. Set arp_ignore=1 on all, before the virtual IP is added.";

    ARP_ANNOUNCE = "LVS002", Error, Arp,
    title: "A real server asks by ARP in the virtual IP's name",
    impact: "its own questions tell the router that the virtual IP is at its MAC, and the router believes it",
    explanation: "A real server answers clients from the virtual IP. To find its gateway's MAC it asks by ARP, and with arp_announce 0 or 1 it may name \
        the virtual IP as the asker; whoever hears it updates its neighbour table. arp_ignore=1 alone therefore works until the first such question. \
        The greater of conf/all and the sending interface counts. Set arp_announce=2 on all.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let vips = match receives(cluster, facts) {
        true => carried_vips(cluster, &facts.node),
        false => BTreeSet::new(),
    };
    // A virtual IP that is not there yet cannot be answered for.
    let carried = |vip: &IpAddr| vip.is_ipv4() && facts.carrying(*vip).next().is_some();
    let mut found = Vec::new();
    if vips.iter().any(carried) {
        for interface in hearing(facts) {
            let heard = [
                ignore(facts, &vips, interface),
                announce(facts, &vips, interface),
            ];
            let severity = severity(cluster, facts, interface);
            found.extend(heard.into_iter().flatten().map(|it| it.severity(severity)));
        }
    }
    found
}

/// The interfaces on which questions by ARP can arrive: those with a hardware address that are up and
/// no part of a bridge or bond, which answers for them.
fn hearing(facts: &Facts) -> impl Iterator<Item = &IfName> {
    let hears = |link: &&Link| link.up && link.controller.is_none() && link.mac.is_some();
    let links = facts.links.iter().filter(hears);
    let silent = |link: &&Link| link.name == IfName::LO || link.kind.as_deref() == Some("dummy");
    links
        .filter(move |link| !silent(link))
        .map(|link| &link.name)
}

/// Who is elsewhere, behind a tunnel say, is not asked for the virtual IP today.
fn severity(cluster: &Cluster, facts: &Facts, interface: &IfName) -> Severity {
    let here = facts.addresses.iter();
    let here = here.filter(|address| address.id.interface == *interface);
    let here: Vec<_> = here.cloned().collect();
    let directors = cluster.directors().iter().flat_map(|it| &it.addresses);
    let mut directors = directors.map(|address| address.id.network.addr());
    match directors.any(|ip| around(&here, ip).next().is_some()) {
        true => Severity::Error,
        false => Severity::Warning,
    }
}

/// 1 and 2 hide the virtual IP; 3 does not, and 8 hides the real server too.
fn ignore(facts: &Facts, vips: &BTreeSet<IpAddr>, interface: &IfName) -> Option<Finding> {
    let level = facts.effective().arp_ignore(interface)?;
    let problem = match level {
        1 | 2 => return None,
        3 => "it answers ARP for all but addresses of scope host, the virtual IP on lo included",
        8 => "it answers ARP for no address at all, not even its own",
        _ => "it answers ARP for every address of this machine, the virtual IP on lo included",
    };
    let seen = format!("arp_ignore is {level} (the greater of all and {interface}): {problem}");
    let finding = ARP_IGNORE.finding(interface, seen).on(&facts.node);
    // A greater number on the interface would outweigh the one on all.
    let finding = match level {
        0 => finding,
        _ => finding.fix(format!("sysctl -w net/ipv4/conf/{interface}/arp_ignore=0")),
    };
    Some(finding.fix(quiet("arp_ignore", 1)).fix(forget(vips)))
}

/// On lo too, as every recipe has it and so the plan; it is all that counts.
fn quiet(switch: &str, level: u8) -> String {
    format!("sysctl -w net/ipv4/conf/all/{switch}={level} net/ipv4/conf/lo/{switch}={level}")
}

/// What the router has learnt it keeps for minutes.
fn forget(vips: &BTreeSet<IpAddr>) -> String {
    let each = vips.iter().filter(|vip| vip.is_ipv4());
    let each = each.map(|vip| format!("ip neigh flush to {vip}"));
    format!("on the router: {}", each.collect::<Vec<_>>().join(" && "))
}

fn announce(facts: &Facts, vips: &BTreeSet<IpAddr>, interface: &IfName) -> Option<Finding> {
    let level = facts.effective().arp_announce(interface)?;
    let seen = format!(
        "arp_announce is {level} (the greater of all and {interface}): \
         questions sent there may name the virtual IP as the asker"
    );
    (level < 2).then(|| {
        ARP_ANNOUNCE
            .finding(interface, seen)
            .on(&facts.node)
            .fix(quiet("arp_announce", 2))
            .fix(forget(vips))
    })
}
