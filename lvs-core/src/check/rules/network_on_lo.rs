//! Networks on lo, where every address of them becomes the machine's own.

use crate::check::scene::is_wide;
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, NodeName};
use crate::name::IfName;
use crate::net::Address;

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
        Finding::new(Code::NETWORK_ON_LO, &address.id, seen)
            .on(node)
            .fix(format!(
                "ip address add {narrow} dev lo && ip address del {network} dev lo"
            ))
    })
}
