//! Broadcast addresses of addresses that have no network.

use std::net::Ipv4Addr;

use crate::check::kind::kinds;
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, NodeName};
use crate::net::{Address, IpNet};

kinds! {
    BROADCAST = "LVS008", Warning, Addresses,
    title: "A single address has the broadcast of a network",
    impact: "packets to that broadcast address are taken for this machine's, on an interface that has no such network",
    explanation: "A /32 has no network, so its broadcast address is the address itself or none. Recipes that copy the broadcast of the subnet make the kernel \
        treat that subnet's broadcasts as local. The broadcast cannot be changed in place: delete the address and add it again, \
        on a real server with the ARP switches set.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let here = facts.iter().flat_map(|facts| {
        let addresses = facts.addresses.iter();
        addresses.filter_map(|address| judge(&facts.node, address))
    });
    let directors = cluster.directors().iter();
    let written = directors.map(|director| (&director.name, &director.addresses));
    let servers = cluster.real_servers().iter();
    let written = written.chain(servers.map(|server| (&server.name, &server.addresses)));
    let written = written.flat_map(|(node, addresses)| {
        let addresses = addresses.iter();
        addresses.filter_map(|address| judge(node, address))
    });
    here.chain(written).collect()
}

fn judge(node: &NodeName, address: &Address) -> Option<Finding> {
    let (IpNet::V4(network), Some(broadcast)) = (&address.id.network, address.broadcast) else {
        return None;
    };
    let (ip, interface) = (network.addr(), &address.id.interface);
    let wrong = network.prefix_len() == 32 && broadcast != ip && broadcast != Ipv4Addr::UNSPECIFIED;
    let seen = format!("{network} on {interface} has the broadcast {broadcast}");
    wrong.then(|| {
        BROADCAST.finding(&address.id, seen)
            .on(node)
            .fix(format!(
                "ip address del {network} dev {interface} && ip address add {network} broadcast {ip} dev {interface}"
            ))
            .fix(format!("in the file: no broadcast, or broadcast = \"{ip}\""))
    })
}
