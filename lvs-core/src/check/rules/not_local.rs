//! Addresses of a node for which it does not take packets.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::path::PathFact;
use crate::check::scene::NodeScene;
use crate::net::{PolicyAction, RouteId, Verdict};

kinds! {
    NOT_LOCAL = "LVS078", Error, Routing,
    title: "A node has an address and does not take packets for it",
    impact: "packets that arrive for the address are routed on or dropped instead of delivered",
    explanation: "\
        The kernel delivers what the table local has a route for, and looks there first because of the \
        rule of priority 0. Both are made by the kernel; a script that rewrites rules, or a daemon that \
        takes routes for its own, may delete them. The address is shown as ever. ip route get ADDRESS \
        shows another device than lo.";
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .facts
        .paths
        .iter()
        .filter(|path| path.query.source.is_none())
        .filter(|path| !scene.is_delivered(path.decision.verdict))
        // An address that another host has is no address yet, and has a finding of its own.
        .filter(|path| !scene.facts.duplicates.contains(&path.query.destination))
        .filter_map(|path| scene.not_local(path))
        .collect()
}

impl<T> NodeScene<'_, T> {
    /// Returns whether packets reach this host's programs, or IPVS on a director. An address that is its own broadcast
    /// address, as recipes have it, remains a broadcast one, whose packets IPVS takes and TCP does not.
    fn is_delivered(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Broadcast => !self.receives(),
            verdict => verdict == Verdict::Local,
        }
    }

    fn not_local(&self, path: &PathFact) -> Option<Finding> {
        let ip = path.query.destination;
        let address = self.index.carrying(ip).first()?;
        let seen = format!(
            "{} has {ip}, but packets for it are not delivered: {}",
            address.id.interface,
            path.decided_by()
        );
        // In front of a broadcast route to the same address.
        let (tool, add) = match ip.is_ipv6() {
            true => ("ip -6", "add"),
            false => ("ip", "prepend"),
        };
        let is_local = |action| action == PolicyAction::Lookup(RouteId::LOCAL);
        let has_rule = self
            .facts
            .rules
            .iter()
            .any(|rule| rule.is_ipv6 == ip.is_ipv6() && is_local(rule.action));
        let finding = self.finding(&NOT_LOCAL, ip, seen);
        Some(match has_rule {
            true => finding.fix(format!(
                "{tool} route {add} local {ip} dev {} table local",
                address.id.interface.quoted()
            )),
            false => finding.fix(format!("{tool} rule add priority 0 lookup local")),
        })
    }
}
