//! Who speaks for the virtual IP: real servers must not, and nobody else either.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::scene::{around, carried_vips, director_here, receives};
use crate::check::{ArpAnswers, Code, Facts, Finding, Severity};
use crate::cluster::Cluster;
use crate::name::IfName;
use crate::net::Link;

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
    found.extend(facts.arp.iter().filter_map(|it| probe(cluster, facts, it)));
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
    let finding = Finding::new(Code::ARP_IGNORE, interface, seen).on(&facts.node);
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
        Finding::new(Code::ARP_ANNOUNCE, interface, seen)
            .on(&facts.node)
            .fix(quiet("arp_announce", 2))
            .fix(forget(vips))
    })
}

fn probe(cluster: &Cluster, facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    both(facts, asked)
        .or_else(|| nobody(cluster, facts, asked))
        .or_else(|| strangers(facts, asked))
}

/// Whether this machine would answer itself, if it were asked.
fn answers(facts: &Facts, asked: &ArpAnswers) -> bool {
    let mut carried = facts.carrying(asked.vip);
    carried.any(|address| address.id.interface == asked.interface)
}

/// Two directors who both believe that they are active.
fn both(facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    let (one, other) = (asked.director?, asked.partner?);
    let active = [one, other].map(|mac| asked.answers.contains(&mac));
    let here = answers(facts, asked) && active.contains(&true);
    let (vip, interface) = (asked.vip, &asked.interface);
    let seen = match here {
        true => format!("on {interface} the other director answered for {vip} too"),
        false => format!("on {interface} both directors answered for {vip}: {one} and {other}"),
    };
    (here || active == [true, true]).then(|| {
        Finding::new(Code::TWO_ACTIVE, vip, seen)
            .on(&facts.node)
            .fix("lvsctl apply FILE --role standby, on the one that is not to be active")
            .fix(format!("on the router: ip neigh flush to {vip}"))
    })
}

/// What the director itself lacks it knows better.
fn nobody(cluster: &Cluster, facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    let (vip, interface) = (asked.vip, &asked.interface);
    let should = !facts.is_standby() && director_here(cluster, facts).is_some();
    let silent = asked.answers.is_empty() && !answers(facts, asked) && !should;
    let seen = format!("on {interface} nobody answered for {vip}");
    silent.then(|| {
        Finding::new(Code::VIP_UNANSWERED, vip, seen)
            .on(&facts.node)
            .fix("lvsctl check FILE --node NAME, on the director")
    })
}

fn strangers(facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    let directors = [asked.director, asked.partner];
    let answers = asked.answers.iter();
    let strangers: Vec<_> = answers
        .filter(|mac| !directors.contains(&Some(**mac)))
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
            .fix("lvsctl check FILE --node NAME, on the machine of that MAC")
            .fix(format!("on the router: ip neigh flush to {vip}"))
    })
}
