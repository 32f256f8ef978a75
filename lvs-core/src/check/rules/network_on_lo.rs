//! Networks on lo, where every address of them becomes the machine's own.

use crate::check::kind::kinds;
use crate::check::scene::is_wide;
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, NodeName};
use crate::name::IfName;
use crate::net::Address;

kinds! {
    NETWORK_ON_LO = "LVS007", Error, Addresses,
    title: "A whole network is on lo",
    impact: "every address of that network is this machine to itself: gateways, health checks and neighbours in it cannot be reached",
    explanation: "An address on lo makes its whole network local, unlike on any other interface. A virtual IP given to a real server as /24 \
        swallows the network it came from, the gateway included; with arp_ignore=0 the server even answers ARP for addresses that nobody has. \
        It shows as a failing health check while what was already resolved goes on working. On lo, give the virtual IP as /32 (IPv6 /128).";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let here = facts.map(|facts| (&facts.node, &facts.addresses));
    let directors = cluster.directors().iter();
    let servers = cluster.real_servers().iter();
    let written = directors
        .map(|director| (&director.name, &director.addresses))
        .chain(servers.map(|server| (&server.name, &server.addresses)));
    here.into_iter()
        .chain(written)
        .flat_map(|(node, addresses)| {
            let addresses = addresses.iter();
            addresses.filter_map(|address| judge(node, address))
        })
        .collect()
}

fn judge(node: &NodeName, address: &Address) -> Option<Finding> {
    let network = &address.id.network;
    let ip = network.addr();
    let wrong = address.id.interface == IfName::LO && is_wide(network) && !ip.is_loopback();
    let narrow = format!("{ip}/{}", network.max_prefix_len());
    let seen = format!(
        "{network} on lo makes every address of {} this machine's own",
        network.trunc()
    );
    wrong.then(|| {
        NETWORK_ON_LO
            .finding(&address.id, seen)
            .on(node)
            .fix(format!(
                "ip address add {narrow} dev lo && ip address del {network} dev lo"
            ))
    })
}
