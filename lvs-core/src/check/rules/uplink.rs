//! The way of masqueraded answers from a director with several uplinks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::is_wide;
use crate::check::path::PathFact;
use crate::check::scene::DirectorScene;
use crate::net::{Address, RouteId};

kinds! {
    OTHER_UPLINK = "LVS069", Error, Routing,
    title: "Answers leave by another link than requests arrive on",
    impact: "a provider drops packets whose source address belongs to another one, and clients get no answer",
    explanation: "\
        A director with several uplinks has a virtual IP at each provider. Answers are routed by their \
        destination, and with one default route all of them leave by one provider, those with the \
        address of the other one too. Providers drop such packets as forged. A rule of policy routing \
        sends answers by the link of their source address: ip rule add from VIP, with a table whose \
        default route is that provider's router. Where both uplinks lead to one network without such a \
        filter this is harmless; it is reported only of clients that wait for an answer.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let waiting: BTreeSet<_> = scene
        .cluster
        .services()
        .iter()
        .flat_map(|service| scene.half_open(service))
        .map(|connection| (connection.service.ip(), connection.client.ip()))
        .collect();
    // Of several findings about a virtual IP the first one stays.
    scene
        .facts
        .paths
        .iter()
        .filter_map(|path| Some((path.query.source?, path)))
        .filter(|(vip, path)| waiting.contains(&(*vip, path.query.destination)))
        .filter_map(|(vip, path)| scene.misled(vip, path))
        .collect()
}

impl DirectorScene<'_> {
    /// Judges the answer to a client that waits for it. (Where clients are served, the other uplink is meant.)
    fn misled(&self, vip: IpAddr, path: &PathFact) -> Option<Finding> {
        let client = path.query.destination;
        let own = self.address_on_link(vip)?;
        if !path.is_sent() {
            return Some(self.unsent(vip, path));
        }
        path.decision.gateway?;
        let interface = path.decision.interface.as_ref()?;
        if *interface == own.id.interface {
            return None;
        }
        let arriving = own.id.interface.quoted();
        let seen = format!(
            "answers to {client} leave by {interface}, not by {arriving}: {}",
            path.decided_by()
        );
        let table = self.free_table();
        Some(
            self.finding(&OTHER_UPLINK, vip, seen)
                .fix(format!(
                    "ip route add default via ROUTER dev {arriving} table {table}"
                ))
                .fix(format!("ip rule add from {vip} lookup {table}")),
        )
    }

    fn unsent(&self, vip: IpAddr, path: &PathFact) -> Finding {
        let seen = format!(
            "answers to {} are not sent ({}): {}",
            path.query.destination,
            path.decision.verdict,
            path.decided_by()
        );
        let finding = self.finding(&OTHER_UPLINK, vip, seen);
        match (path.permission(), &self.node.gateway) {
            (Some(permission), _) => finding.fix(permission),
            (None, Some(gateway)) => finding.fix(format!("ip route replace default {gateway}")),
            (None, None) => finding.fix("in the file: name the gateway of the director"),
        }
    }

    /// Returns the virtual IP's address on a network whose router can send to it.
    fn address_on_link(&self, vip: IpAddr) -> Option<&Address> {
        self.index.carrying(vip).iter().copied().find(|address| {
            is_wide(&address.id.network) && self.facts.has_neighbours(&address.id.interface)
        })
    }

    /// Returns the number of a routing table without routes.
    fn free_table(&self) -> u32 {
        let is_used = |table: &u32| {
            self.facts.paths.iter().any(|path| {
                path.decision.table == Some(*table)
                    || path
                        .route
                        .as_ref()
                        .is_some_and(|route| route.id.table == *table)
            })
        };
        (100..RouteId::MAIN - 1)
            .find(|table| !is_used(table))
            .unwrap_or(100)
    }
}
