//! The machines: each for itself, and all together.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{address, directors};
use crate::cluster::model::{Cluster, DocumentError, NodeName};
use crate::net::Address;

/// A machine as this file needs it, whichever part it plays.
struct Node<'a> {
    path: String,
    name: &'a NodeName,
    addresses: &'a [Address],
    gateway: Option<IpAddr>,
}

fn nodes(cluster: &Cluster) -> impl Iterator<Item = Node<'_>> {
    let directors = cluster.directors.iter().enumerate();
    let directors = directors.map(|(i, director)| Node {
        path: directors::path(cluster, i),
        name: &director.name,
        addresses: &director.addresses,
        gateway: director.gateway,
    });
    let servers = cluster
        .real_servers
        .iter()
        .enumerate()
        .map(|(i, server)| Node {
            path: format!("real-servers[{i}]"),
            name: &server.name,
            addresses: &server.addresses,
            gateway: server.gateway,
        });
    directors.chain(servers)
}

pub(super) fn names(cluster: &Cluster) -> Result<(), DocumentError> {
    let mut seen: BTreeMap<&NodeName, String> = BTreeMap::new();
    for node in nodes(cluster) {
        if let Some(first) = seen.insert(node.name, node.path.clone()) {
            let problem = format!("{:?} is the name of {first} too", node.name.as_str());
            return Err(DocumentError::new("name", problem)
                .remedy("every machine needs a name of its own")
                .within(node.path));
        }
    }
    Ok(())
}

pub(super) fn each(cluster: &Cluster) -> Result<(), DocumentError> {
    nodes(cluster).try_for_each(|node| check(&node).map_err(|error| error.within(&node.path)))
}

fn check(node: &Node<'_>) -> Result<(), DocumentError> {
    for (i, address) in node.addresses.iter().enumerate() {
        let place = |error: DocumentError| error.within(format_args!("addresses[{i}]"));
        address::check(address).map_err(place)?;
    }
    node.gateway
        .map_or(Ok(()), |gateway| self::gateway(gateway, node.addresses))
}

/// A gateway must be a neighbour: another address on a network this machine is connected to.
fn gateway(gateway: IpAddr, addresses: &[Address]) -> Result<(), DocumentError> {
    if addresses
        .iter()
        .any(|address| address.id.network.addr() == gateway)
    {
        let problem = format!("{gateway} is this machine's own address");
        return Err(DocumentError::new("gateway", problem).remedy("name the router's"));
    }
    if addresses
        .iter()
        .any(|address| address.id.network.contains(&gateway))
    {
        return Ok(());
    }
    let networks: Vec<_> = addresses
        .iter()
        .map(|address| address.id.network.trunc().to_string())
        .collect();
    let problem = format!("{gateway} is on no network of this machine");
    Err(
        DocumentError::new("gateway", problem).remedy(match networks.as_slice() {
            [] => "give the machine an address first".to_owned(),
            _ => format!("it is connected to {}", networks.join(" and ")),
        }),
    )
}

/// An address belongs to one machine, once, unless it floats. What all real servers carry alike, the
/// virtual IP of direct routing, is not written down but follows.
pub(super) fn addresses_once(cluster: &Cluster) -> Result<(), DocumentError> {
    let vips = cluster.virtual_ips();
    let mut seen: BTreeMap<IpAddr, (&NodeName, String)> = BTreeMap::new();
    for node in nodes(cluster) {
        for (i, address) in node.addresses.iter().enumerate() {
            let (ip, path) = (
                address.id.network.addr(),
                format!("{}.addresses[{i}]", node.path),
            );
            let Some((owner, first)) = seen.insert(ip, (node.name, path.clone())) else {
                continue;
            };
            if owner != node.name && directors::floats_between(cluster, ip, owner, node.name) {
                continue;
            }
            let on_server = cluster.director(node.name.as_str()).is_none() && vips.contains(&ip);
            return Err(twice(ip, &first, on_server).within(path));
        }
    }
    Ok(())
}

fn twice(ip: IpAddr, first: &str, virtual_on_server: bool) -> DocumentError {
    let problem = format!("{ip} is the address of {first} too");
    DocumentError::new("address", problem).remedy(if virtual_on_server {
        "leave it out: where a real server needs the virtual IP, it gets it on lo"
    } else {
        "every address belongs to one machine, once"
    })
}
