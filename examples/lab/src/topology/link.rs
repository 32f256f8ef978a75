//! The interfaces that share a link.

use std::collections::BTreeMap;

use lvs_core::IfName;
use lvs_core::cluster::Gateway;
use lvs_core::net::IpNet;

use super::{Link, Node, Port, Result, TopologyError};

/// Describes a link that follows from the cluster's addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) networks: Vec<IpNet>,
    ports: Vec<(String, IfName)>,
}

impl Shared {
    fn overlaps(&self, networks: &[IpNet]) -> bool {
        let overlap = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
        self.networks
            .iter()
            .any(|ours| networks.iter().any(|theirs| overlap(ours, theirs)))
    }

    fn absorb(&mut self, other: Self) {
        self.networks.extend(other.networks);
        self.ports.extend(other.ports);
    }

    fn has(&self, node: &str, interface: &IfName) -> bool {
        self.ports.iter().any(|(n, i)| n == node && i == interface)
    }
}

/// Joins interfaces whose networks overlap, directly or through others.
pub(super) fn derive(nodes: &[Node]) -> Result<Vec<Shared>> {
    let mut links: Vec<Shared> = Vec::new();
    for node in nodes {
        for (interface, networks) in networks(node)? {
            let (same, mut other): (Vec<_>, Vec<_>) =
                links.into_iter().partition(|link| link.overlaps(&networks));
            let mut joined = Shared::default();
            same.into_iter().for_each(|link| joined.absorb(link));
            joined.absorb(Shared {
                networks,
                ports: vec![(node.name.clone(), interface)],
            });
            other.push(joined);
            links = other;
        }
    }
    Ok(links)
}

/// Returns the networks that determine the link of each interface. Host addresses and link-local ones do not; the
/// router of an interface without a network does.
fn networks(node: &Node) -> Result<BTreeMap<IfName, Vec<IpNet>>> {
    let mut all: BTreeMap<IfName, Vec<IpNet>> = BTreeMap::new();
    for (interface, address) in &node.addresses {
        if *interface == IfName::LO {
            continue;
        }
        let networks = all.entry(interface.clone()).or_default();
        if is_network(address) {
            networks.push(address.trunc());
        }
    }
    let router = node.gateway.as_ref().and_then(Gateway::interface);
    if let (Some(gateway), Some(networks)) =
        (&node.gateway, router.and_then(|name| all.get_mut(name)))
        && networks.is_empty()
    {
        networks.extend(gateway.address().map(IpNet::from));
    }
    match all.iter().find(|(_, networks)| networks.is_empty()) {
        Some((interface, _)) => Err(TopologyError::new(format!(
            "{interface} of {} has no address with a network",
            node.name
        ))),
        None => Ok(all),
    }
}

pub(super) fn is_network(address: &IpNet) -> bool {
    let link_local = match address {
        IpNet::V4(_) => false,
        IpNet::V6(address) => address.addr().is_unicast_link_local(),
    };
    address.prefix_len() < address.max_prefix_len() && !link_local
}

/// Returns the interfaces of a node with their links.
pub(super) fn ports(links: &[Shared], node: &Node) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for (interface, _) in &node.addresses {
        let known = ports.iter().any(|port| port.interface == *interface);
        if let (false, Some(link)) = (known, find(links, &node.name, interface)) {
            ports.push(Port {
                interface: interface.clone(),
                link,
            });
        }
    }
    ports
}

pub(super) fn find(links: &[Shared], node: &str, interface: &IfName) -> Option<Link> {
    links.iter().position(|link| link.has(node, interface))
}
