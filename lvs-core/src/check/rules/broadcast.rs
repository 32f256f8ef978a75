//! Broadcast addresses of addresses that have no network.

use std::net::Ipv4Addr;

use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, NodeName};
use crate::net::{Address, IpNet};

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
        Finding::new(Code::BROADCAST, &address.id, seen)
            .on(node)
            .fix(format!(
                "ip address del {network} dev {interface} && ip address add {network} broadcast {ip} dev {interface}"
            ))
            .fix(format!("in the file: no broadcast, or broadcast = \"{ip}\""))
    })
}
