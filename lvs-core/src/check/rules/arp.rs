//! Who speaks for the virtual IP: real servers must not, and nobody else either.

use std::net::IpAddr;

use crate::check::view::direct_vips;
use crate::check::{ArpAnswers, Code, Facts, Finding};
use crate::cluster::Cluster;
use crate::name::IfName;
use crate::net::Link;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let vips = direct_vips(cluster, &facts.node);
    // A virtual IP that is not there yet cannot be answered for.
    let carried = |vip: &IpAddr| vip.is_ipv4() && facts.carrying(*vip).next().is_some();
    let mut found = Vec::new();
    if vips.iter().any(carried) {
        for interface in hearing(facts) {
            found.extend(ignore(facts, interface));
            found.extend(announce(facts, interface));
        }
    }
    found.extend(facts.arp.iter().filter_map(|answers| probe(facts, answers)));
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

/// 1 and 2 hide the virtual IP; 3 does not, and 8 hides the real server too.
fn ignore(facts: &Facts, interface: &IfName) -> Option<Finding> {
    let level = facts.effective().arp_ignore(interface)?;
    let problem = match level {
        1 | 2 => return None,
        0 => "it answers ARP for every address of this machine, the virtual IP on lo included",
        4..=8 => "it answers ARP for no address at all, not even its own",
        _ => "it answers ARP for all but addresses of scope host, the virtual IP on lo included",
    };
    let seen = format!("arp_ignore is {level} (the greater of all and {interface}): {problem}");
    let finding = Finding::new(Code::ARP_IGNORE, interface, seen).on(&facts.node);
    // A greater number in the interface would outweigh all.
    Some(match level {
        0 => finding.mend("sysctl -w net/ipv4/conf/all/arp_ignore=1"),
        _ => finding
            .mend("sysctl -w net/ipv4/conf/all/arp_ignore=1")
            .mend(format!("sysctl -w net/ipv4/conf/{interface}/arp_ignore=1")),
    })
}

fn announce(facts: &Facts, interface: &IfName) -> Option<Finding> {
    let level = facts.effective().arp_announce(interface)?;
    let seen = format!(
        "arp_announce is {level} (the greater of all and {interface}): \
         questions sent there may name the virtual IP as the asker"
    );
    (level < 2).then(|| {
        Finding::new(Code::ARP_ANNOUNCE, interface, seen)
            .on(&facts.node)
            .mend("sysctl -w net/ipv4/conf/all/arp_announce=2")
    })
}

fn probe(facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    let answers = asked.answers.iter();
    let strangers: Vec<_> = answers
        .filter(|mac| Some(**mac) != asked.director)
        .map(ToString::to_string)
        .collect();
    let (vip, interface) = (asked.vip, &asked.interface);
    let seen = format!(
        "on {interface} {} answered for {vip}, but the director is {}",
        strangers.join(" and "),
        asked
            .director
            .map_or_else(|| "not known there".to_owned(), |mac| mac.to_string()),
    );
    let finding = Finding::new(Code::ARP_PROBE, vip, seen).on(&facts.node);
    // A single answer is the director's, as far as anybody knows.
    let known = asked.director.is_some() || strangers.len() > 1;
    (known && !strangers.is_empty()).then(|| {
        finding
            .mend("on the machine of that MAC: sysctl -w net/ipv4/conf/all/arp_ignore=1 net/ipv4/conf/all/arp_announce=2")
            .mend(format!("then, on the router: ip neigh flush to {vip}"))
    })
}
