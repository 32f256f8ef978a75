//! Broadcast addresses of single addresses, which have no network.

use std::net::Ipv4Addr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::Scene;
use crate::cluster::NodeName;
use crate::cluster::change::{Change, Object};
use crate::net::{Address, IpNet};

kinds! {
    BROADCAST = "LVS008", Warning, Addresses,
    title: "A single address has the broadcast address of a network",
    impact: "the node takes packets to that broadcast address for its own, on an interface that has no such network",
    explanation: "\
        A /32 has no network, so its broadcast address is the address itself or none. Recipes that copy \
        the broadcast address of the subnet make the kernel treat that subnet's broadcasts as local. The \
        broadcast address cannot be changed in place: delete the address and add it again, on a real \
        server with the ARP sysctls set.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .addresses()
        .filter_map(|(node, address)| judge(node, address))
        .collect()
}

fn judge(node: &NodeName, address: &Address) -> Option<Finding> {
    let (IpNet::V4(network), Some(broadcast)) = (&address.id.network, address.broadcast) else {
        return None;
    };
    let (ip, interface) = (network.addr(), &address.id.interface);
    let is_wrong =
        network.prefix_len() == 32 && broadcast != ip && broadcast != Ipv4Addr::UNSPECIFIED;
    let seen = format!("{network} on {interface} has the broadcast address {broadcast}");
    let right = Address {
        broadcast: Some(ip),
        ..address.clone()
    };
    is_wrong.then(|| {
        BROADCAST
            .finding(&address.id, seen)
            .on(node)
            .fix(Change::Delete(Object::from(address.clone())).to_shell())
            .fix(Change::Add(Object::from(right)).to_shell())
            .fix(format!(
                "in the file: no broadcast, or broadcast = \"{ip}\""
            ))
    })
}
