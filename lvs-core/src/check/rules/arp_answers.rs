//! Hosts that answer for the virtual IP, as asked by ARP or neighbour solicitation.

use crate::check::facts::{ArpAnswers, Facts};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};

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

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(facts) = scene.facts else {
        return Vec::new();
    };
    facts
        .arp
        .iter()
        .filter_map(|asked| {
            facts
                .both_active(asked)
                .or_else(|| unanswered(scene, facts, asked))
                .or_else(|| facts.others_answer(asked))
        })
        .collect()
}

/// A director knows better what it lacks itself.
fn unanswered(scene: &Scene<'_>, facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    let (vip, interface) = (asked.vip, &asked.interface);
    let should_carry = matches!(scene.place, Place::Director(_)) && !facts.is_standby();
    let is_silent = asked.answers.is_empty() && !facts.would_answer(asked) && !should_carry;
    let seen = format!("on {interface} nobody answered for {vip}");
    is_silent.then(|| {
        VIP_UNANSWERED
            .finding(vip, seen)
            .on(&facts.node)
            .fix("lvsctl check FILE --node NAME, on the director")
    })
}

impl Facts {
    /// Returns whether this host itself would answer, if it were asked.
    fn would_answer(&self, asked: &ArpAnswers) -> bool {
        self.carrying(asked.vip)
            .any(|address| address.id.interface == asked.interface)
    }

    /// Two directors that both believe that they are active.
    fn both_active(&self, asked: &ArpAnswers) -> Option<Finding> {
        let (one, other) = (asked.director?, asked.partner?);
        let active = [one, other].map(|mac| asked.answers.contains(&mac));
        let is_here = self.would_answer(asked) && active.contains(&true);
        let (vip, interface) = (asked.vip, &asked.interface);
        let seen = match is_here {
            true => format!("on {interface} the other director answered for {vip} too"),
            false => format!("on {interface} both directors answered for {vip}: {one} and {other}"),
        };
        (is_here || active == [true, true]).then(|| {
            TWO_ACTIVE
                .finding(vip, seen)
                .on(&self.node)
                .fix("lvsctl apply FILE --role standby, on the one that is not to be active")
                .fix(format!("on the router: ip neigh flush to {vip}"))
        })
    }

    fn others_answer(&self, asked: &ArpAnswers) -> Option<Finding> {
        let others: Vec<_> = asked
            .answers
            .iter()
            .filter(|mac| ![asked.director, asked.partner].contains(&Some(**mac)))
            .map(ToString::to_string)
            .collect();
        let (vip, interface) = (asked.vip, &asked.interface);
        let seen = format!(
            "on {interface} {} answered for {vip}, but the director is {}",
            others.join(" and "),
            asked
                .director
                .map_or_else(|| "not known there".to_owned(), |mac| mac.to_string()),
        );
        // A single answer is taken for the director's where the director's MAC is not known.
        let is_known = asked.director.is_some() || others.len() > 1;
        (is_known && !others.is_empty()).then(|| {
            ARP_PROBE
                .finding(vip, seen)
                .on(&self.node)
                .fix("lvsctl check FILE --node NAME, on the machine of that MAC")
                .fix(format!("on the router: ip neigh flush to {vip}"))
        })
    }
}
