//! The check of source addresses, which drops packets whose answers leave by another interface.

use std::collections::BTreeSet;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::path::PathFact;
use crate::check::scene::{DirectorScene, NodeScene, RealServerScene};
use crate::ipvs::{Family, Forwarding};
use crate::name::IfName;
use crate::sysctl::{Conf, SysctlKey};

kinds! {
    RP_FILTER = "LVS020", Error, Routing,
    title: "Packets of clients arrive by another interface than their answers leave by",
    impact: "strict rp_filter drops every packet whose source would be answered by another interface",
    explanation: "\
        rp_filter=1 drops a packet unless the route back to its source leaves by the interface where the \
        packet arrived; the greater value of conf/all and the interface counts. With direct routing this \
        is common: requests come from the director by one interface, answers leave by another. The \
        kernel does not log it, but counts IPReversePathFilter. Set it to 2, loose, on that interface; 0 \
        in one place does not help while the other is 1.";
}

/// The level that drops packets.
const STRICT: i64 = 1;

/// Judges the devices that decapsulate: no answer ever leaves by one of them.
pub(super) fn of_tunnels<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .desired
        .tunnels
        .iter()
        .map(|tunnel| &tunnel.value.name)
        .filter(|name| {
            let key = SysctlKey::rp_filter(&Conf::Interface((*name).clone()));
            scene.desired.sysctls.contains_key(&key) && scene.is_strict(name)
        })
        .map(|name| {
            let seen = format!(
                "rp_filter is 1 (the greater of all and {name}): every decapsulated packet is dropped"
            );
            scene.strict(name, seen)
        })
        .collect()
}

/// Judges a real server's interfaces to the director: answers leave with the virtual IP as source.
pub(super) fn of_direct_routing(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let is_direct_routed = scene
        .cluster
        .families_served_by(&scene.node.name, |method| {
            method == Forwarding::DirectRouting
        })
        .contains(&Family::Ipv4);
    if !is_direct_routed {
        return Vec::new();
    }
    let vips = scene.received_vips();
    let (facts, rip) = (scene.facts, scene.node.real_ip(Family::Ipv4));
    // Packets of the director arrive where the real IP's network is.
    let arriving: BTreeSet<&IfName> = rip
        .into_iter()
        .flat_map(|rip| sharing_network(&facts.addresses, rip))
        .map(|address| &address.id.interface)
        .collect();
    let mut answers = facts
        .paths
        .iter()
        .filter(|path| {
            path.query
                .source
                .is_some_and(|source| vips.contains(&source))
        })
        .filter(|path| path.query.destination.is_ipv4())
        .peekable();
    let leaving = match answers.peek() {
        None => facts
            .default_route(Family::Ipv4)
            .and_then(|route| route.interface.as_ref())
            .filter(|leaving| !arriving.contains(leaving)),
        Some(_) => elsewhere(&arriving, answers),
    };
    Vec::from_iter(scene.dropped(&arriving, leaving))
}

/// Judges a director's interfaces to clients; of several virtual IPs on one of them the first one stands for all.
pub(super) fn of_clients(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let facts = scene.facts;
    let looked_up: BTreeSet<_> = facts
        .reverse_paths
        .iter()
        .filter_map(|path| path.query.source)
        .collect();
    looked_up
        .into_iter()
        .filter_map(|vip| {
            let arriving = scene
                .index
                .carrying(vip)
                .iter()
                .map(|address| &address.id.interface)
                .filter(|interface| facts.has_neighbours(interface))
                .collect();
            let answers = facts
                .reverse_paths
                .iter()
                .filter(|path| path.query.source == Some(vip));
            scene.dropped(&arriving, elsewhere(&arriving, answers))
        })
        .collect()
}

/// Returns an interface by which answers leave, if they leave by none of those where packets arrive. Where a client was
/// seen whose answers leave there, the examples that stand for others say nothing.
fn elsewhere<'a>(
    arriving: &BTreeSet<&IfName>,
    answers: impl Iterator<Item = &'a PathFact>,
) -> Option<&'a IfName> {
    let mut other = None;
    for path in answers.filter(|path| path.is_sent()) {
        match path.decision.interface.as_ref()? {
            leaving if !arriving.contains(leaving) => other = other.or(Some(leaving)),
            _ if path.seen => return None,
            _ => {}
        }
    }
    other
}

impl<T> NodeScene<'_, T> {
    fn is_strict(&self, interface: &IfName) -> bool {
        self.facts.effective().rp_filter(interface) == Some(STRICT)
    }

    /// Reports an interface by which clients' packets arrive while answers leave by another one.
    fn dropped(&self, arriving: &BTreeSet<&IfName>, leaving: Option<&IfName>) -> Option<Finding> {
        let leaving = leaving?;
        let interface = arriving
            .iter()
            .find(|interface| self.is_strict(interface))?;
        let seen = format!(
            "rp_filter is 1 (the greater of all and {interface}), and answers to clients leave by {leaving}"
        );
        Some(self.strict(interface, seen))
    }

    fn strict(&self, interface: &IfName, seen: String) -> Finding {
        self.finding(&RP_FILTER, interface, seen).fix(format!(
            "sysctl -w net/ipv4/conf/{}/rp_filter=2",
            interface.quoted()
        ))
    }
}
