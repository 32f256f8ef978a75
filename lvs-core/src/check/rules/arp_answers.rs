//! Hosts that answer for the virtual IP, as asked by ARP or neighbour solicitation.

use crate::check::kind::kinds;
use crate::check::scene::director_here;
use crate::check::{ArpAnswers, Facts, Finding};
use crate::cluster::Cluster;

kinds! {
    ARP_PROBE = "LVS003", Error, Arp,
    title: "Somebody other than the director answers for the virtual IP",
    impact: "whoever answers first gets the traffic of all clients behind the router that asked",
    explanation: "An ARP question for the virtual IP, asked in nobody's name so that no neighbour table changes, was answered by a hardware address that is not the director's. \
        That machine carries the virtual IP without arp_ignore, or is another host with the same address. \
        Find it by its MAC, set arp_ignore=1 and arp_announce=2 on all there, and let the router forget: ip neigh flush to the virtual IP.";

    TWO_ACTIVE = "LVS061", Error, Arp,
    title: "Both directors are active",
    impact: "half of the packets of one connection may reach the one director and half the other",
    explanation: "Both answered for the virtual IP. Each believes that the other one is gone: their VRRP daemons do not hear each other (a firewall, another id or password), \
        or a role was applied by hand. Make one of them standby, and let neighbours forget what they have learnt.";

    VIP_UNANSWERED = "LVS062", Warning, Arp,
    title: "Nobody answers for the virtual IP",
    impact: "neighbours cannot send to it: clients see no route to host",
    explanation: "On the link of the virtual IP the question who has it got no answer in time. The director does not carry it, is down or is on another link than it should be; \
        of two directors neither is active. Check the director itself.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    facts
        .arp
        .iter()
        .filter_map(|asked| probe(cluster, facts, asked))
        .collect()
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
        TWO_ACTIVE
            .finding(vip, seen)
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
        VIP_UNANSWERED
            .finding(vip, seen)
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
    let finding = ARP_PROBE.finding(vip, seen).on(&facts.node);
    // A single answer is the director's, as far as anybody knows.
    let known = asked.director.is_some() || strangers.len() > 1;
    (known && !strangers.is_empty()).then(|| {
        finding
            .fix("lvsctl check FILE --node NAME, on the machine of that MAC")
            .fix(format!("on the router: ip neigh flush to {vip}"))
    })
}
