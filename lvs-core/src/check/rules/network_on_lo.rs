//! Networks on lo, of which the node treats every address as local.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::is_wide;
use crate::check::scene::Scene;
use crate::cluster::NodeName;
use crate::name::IfName;
use crate::net::Address;

kinds! {
    NETWORK_ON_LO = "LVS007", Error, Addresses,
    title: "A whole network is on lo",
    impact: "the node treats every address of that network as local: gateways, health checks and neighbours in it cannot be reached",
    explanation: "\
        An address on lo makes its whole network local, unlike on any other interface. A virtual IP that \
        a real server has as /24 makes the network it came from unreachable, the gateway included; with \
        arp_ignore=0 the server even answers ARP for addresses that no host has. The symptom is a \
        failing health check while addresses that were resolved before go on working. On lo, give the \
        virtual IP as /32 (IPv6 /128).";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .addresses()
        .filter_map(|(node, address)| judge(node, address))
        .collect()
}

fn judge(node: &NodeName, address: &Address) -> Option<Finding> {
    let network = &address.id.network;
    let ip = network.addr();
    let is_wrong = address.id.interface == IfName::LO && is_wide(network) && !ip.is_loopback();
    let seen = format!(
        "{network} on lo makes every address of {} local to the node",
        network.trunc()
    );
    is_wrong.then(|| {
        NETWORK_ON_LO
            .finding(&address.id, seen)
            .on(node)
            .fix(format!(
                "ip address replace {ip}/{} dev lo",
                network.max_prefix_len()
            ))
            .fix(format!("ip address del {network} dev lo"))
    })
}
