//! Hosts that answered for a virtual IP when asked by ARP or neighbour solicitation.

use crate::check::facts::{ArpAnswers, Facts};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};

kinds! {
    ARP_PROBE = "LVS003", Error, Arp,
    title: "Another host than the director answers for the virtual IP",
    impact: "the host that answers first gets the traffic of all clients behind the router that asked",
    explanation: "\
        An ARP request for the virtual IP, sent without a source address so that no neighbour table \
        changes, was answered by a hardware address that is not the director's. That host carries the \
        virtual IP without arp_ignore, or is another host with the same address. Find it by its MAC \
        address, set arp_ignore=1 and arp_announce=2 on all there, and delete the router's entry: ip \
        neigh flush to the virtual IP.";

    TWO_ACTIVE = "LVS061", Error, Arp,
    title: "Both directors are active",
    impact: "half of the packets of one connection may reach one director and half the other",
    explanation: "\
        Both directors answered for the virtual IP. Each of them takes the other one for failed: their \
        VRRP daemons do not receive each other's packets (a firewall, another id or password), or a role \
        was applied by hand. Make one of them standby, and delete the entries that neighbours have \
        learnt.";

    VIP_UNANSWERED = "LVS062", Error, Arp,
    title: "No host answers for the virtual IP",
    impact: "neighbours cannot send to it: clients see no route to host",
    explanation: "\
        On the link of the virtual IP no host answered in time when asked for its hardware address. The \
        director does not carry it, is down or is on another link than it should be; of two directors \
        neither is active. Check the director itself.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(facts) = scene.facts else {
        return Vec::new();
    };
    facts
        .arp
        .iter()
        .filter_map(|asked| {
            let is_owner = facts.would_answer(asked) || scene.is_active_with(facts, asked);
            facts
                .both_active(asked, is_owner)
                .or_else(|| unanswered(scene, facts, asked))
                .or_else(|| facts.others_answer(asked, is_owner))
        })
        .collect()
}

/// Reports no host for an address that the director itself should carry: it knows what it lacks.
fn unanswered(scene: &Scene<'_>, facts: &Facts, asked: &ArpAnswers) -> Option<Finding> {
    let (vip, interface) = (asked.vip, &asked.interface);
    let should_carry = matches!(scene.place, Place::Director(_)) && !facts.is_standby();
    let is_silent = asked.answers.is_empty() && !facts.would_answer(asked) && !should_carry;
    let seen = format!("on {interface} no host answered for {vip}");
    is_silent.then(|| {
        VIP_UNANSWERED
            .finding(vip, seen)
            .on(&facts.node)
            .fix(match scene.cluster.is_paired() {
                true => {
                    "lvsctl apply FILE --role active  # on the director that is meant to be active"
                }
                false => "lvsctl check FILE --node NAME  # on the director",
            })
    })
}

impl Scene<'_> {
    /// Returns whether this host is an active director that carries the virtual IP, on whichever interface: it is asked
    /// on all of them.
    fn is_active_with(&self, facts: &Facts, asked: &ArpAnswers) -> bool {
        matches!(self.place, Place::Director(_)) && !facts.is_standby() && facts.carries(asked.vip)
    }
}

impl Facts {
    /// Returns whether this host itself would answer if it were asked.
    fn would_answer(&self, asked: &ArpAnswers) -> bool {
        self.carrying(asked.vip)
            .any(|address| address.id.interface == asked.interface)
    }

    /// Reports two directors that both answer as active ones.
    fn both_active(&self, asked: &ArpAnswers, is_owner: bool) -> Option<Finding> {
        let (one, other) = (asked.director?, asked.partner?);
        let active = [one, other].map(|mac| asked.answers.contains(&mac));
        let is_here = is_owner && active.contains(&true);
        let (vip, interface) = (asked.vip, &asked.interface);
        let seen = match is_here {
            true => format!("on {interface} the other director answered for {vip} too"),
            false => format!("on {interface} both directors answered for {vip}: {one} and {other}"),
        };
        (is_here || active == [true, true]).then(|| {
            TWO_ACTIVE
                .finding(vip, seen)
                .on(&self.node)
                .fix("lvsctl apply FILE --role standby  # on the director that is not meant to be active")
                .fix(format!("on the router: ip neigh flush to {vip}"))
        })
    }

    fn others_answer(&self, asked: &ArpAnswers, is_owner: bool) -> Option<Finding> {
        let others: Vec<_> = asked
            .answers
            .iter()
            .filter(|mac| ![asked.director, asked.partner].contains(&Some(**mac)))
            .map(ToString::to_string)
            .collect();
        let (vip, interface) = (asked.vip, &asked.interface);
        let director = match (is_owner, asked.director) {
            (true, _) => "this director has it itself".to_owned(),
            (false, Some(mac)) => format!("the director's MAC address is {mac}"),
            (false, None) => "the director's MAC address is unknown".to_owned(),
        };
        let seen = format!(
            "on {interface} {} answered for {vip}, but {director}",
            others.join(" and ")
        );
        // A single answer is taken for the director's where the director's MAC is not known, and is not this host's.
        let is_known = is_owner || asked.director.is_some() || others.len() > 1;
        (is_known && !others.is_empty()).then(|| {
            ARP_PROBE
                .finding(vip, seen)
                .on(&self.node)
                .fix("lvsctl check FILE  # on the host with that hardware address")
                .fix(format!("on the router: ip neigh flush to {vip}"))
        })
    }
}
