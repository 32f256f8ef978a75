//! The check of source addresses, which drops packets whose answers leave by another interface.

use std::collections::BTreeSet;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::{NodeScene, RealServerScene};
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

pub(super) fn of_direct_routing(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let is_direct_routed = scene
        .cluster
        .families_served_by(&scene.node.name, |method| {
            method == Forwarding::DirectRouting
        })
        .contains(&Family::Ipv4);
    let leaving = scene
        .facts
        .default_route(Family::Ipv4)
        .filter(|_| is_direct_routed)
        .and_then(|route| route.interface.as_ref());
    let Some(leaving) = leaving else {
        return Vec::new();
    };
    // Packets of the director arrive where the real IP's network is.
    let arriving: BTreeSet<&IfName> = scene
        .node
        .real_ip(Family::Ipv4)
        .into_iter()
        .flat_map(|rip| sharing_network(&scene.facts.addresses, rip))
        .map(|address| &address.id.interface)
        .collect();
    arriving
        .into_iter()
        .filter(|interface| *interface != leaving && scene.is_strict(interface))
        .map(|interface| {
            let seen = format!(
                "rp_filter is 1 (the greater of all and {interface}), and answers to clients leave by {leaving}"
            );
            scene.strict(interface, seen)
        })
        .collect()
}

impl<T> NodeScene<'_, T> {
    fn is_strict(&self, interface: &IfName) -> bool {
        self.facts.effective().rp_filter(interface) == Some(STRICT)
    }

    fn strict(&self, interface: &IfName, seen: String) -> Finding {
        self.finding(&RP_FILTER, interface, seen).fix(format!(
            "sysctl -w net/ipv4/conf/{}/rp_filter=2",
            interface.quoted()
        ))
    }
}
