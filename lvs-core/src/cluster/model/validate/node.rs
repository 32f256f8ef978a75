//! The nodes: each by itself, and their names and addresses among each other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::address;
use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::cluster::model::gateway::Gateway;
use crate::cluster::model::name::NodeName;
use crate::net::{Address, AddressId};

/// Holds what directors and real servers have in common.
struct Node<'a> {
    path: String,
    name: &'a NodeName,
    addresses: &'a [Address],
    gateway: Option<&'a Gateway>,
}

impl Cluster {
    fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let directors = self.directors.iter().enumerate().map(|(i, director)| Node {
            path: self.director_path(i),
            name: &director.name,
            addresses: &director.addresses,
            gateway: director.gateway.as_ref(),
        });
        let servers = self.real_servers.iter().enumerate();
        directors.chain(servers.map(|(i, server)| Node {
            path: format!("real-servers[{i}]"),
            name: &server.name,
            addresses: &server.addresses,
            gateway: server.gateway.as_ref(),
        }))
    }

    pub(super) fn validate_names(&self) -> Result<(), DocumentError> {
        let mut seen: BTreeMap<&NodeName, String> = BTreeMap::new();
        for node in self.nodes() {
            if let Some(first) = seen.insert(node.name, node.path.clone()) {
                let problem = format!("{:?} is also the name of {first}", node.name.as_str());
                return Err(
                    DocumentError::new(DocumentErrorKind::Duplicate, "name", problem)
                        .with_hint("every node needs a name of its own")
                        .within(node.path),
                );
            }
        }
        Ok(())
    }

    pub(super) fn validate_nodes(&self) -> Result<(), DocumentError> {
        self.nodes()
            .try_for_each(|node| node.validate().map_err(|error| error.within(&node.path)))
    }

    /// Refuses an address that occurs twice, unless it floats between the directors. The virtual IP of direct
    /// routing, which all real servers carry, is not written in the file but follows from the services.
    pub(super) fn validate_addresses_are_unique(&self) -> Result<(), DocumentError> {
        let vips = self.virtual_ips();
        let mut seen: BTreeMap<IpAddr, (&NodeName, String)> = BTreeMap::new();
        for node in self.nodes() {
            for (i, address) in node.addresses.iter().enumerate() {
                let ip = address.id.network.addr();
                let path = format!("{}.addresses[{i}]", node.path);
                let Some((owner, first)) = seen.insert(ip, (node.name, path.clone())) else {
                    continue;
                };
                if owner != node.name && self.floats_between(ip, owner, node.name) {
                    continue;
                }
                let is_on_server = self.director(node.name.as_str()).is_none();
                return Err(duplicate(ip, &first, is_on_server && vips.contains(&ip)).within(path));
            }
        }
        Ok(())
    }
}

impl Node<'_> {
    fn validate(&self) -> Result<(), DocumentError> {
        for (i, address) in self.addresses.iter().enumerate() {
            address::check(address)
                .map_err(|error| error.within(format_args!("addresses[{i}]")))?;
        }
        self.gateway
            .map_or(Ok(()), |gateway| self.validate_gateway(gateway))
    }

    /// Refuses a gateway that is not a neighbour: another address on a network of this node, or on a link that
    /// the file names.
    fn validate_gateway(&self, gateway: &Gateway) -> Result<(), DocumentError> {
        let ip = gateway.address();
        let own = || self.addresses.iter().map(|address| &address.id);
        if own().any(|id| id.network.addr() == ip) {
            return Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "gateway",
                format!("{ip} is an address of this node itself"),
            )
            .with_hint("write the router's address"));
        }
        if is_no_host(ip) {
            return Err(DocumentError::new(
                DocumentErrorKind::InvalidValue,
                "gateway",
                format!("{ip} is not the address of a node"),
            )
            .with_hint("write the router's address"));
        }
        let is_on_it =
            |id: &&AddressId| gateway.interface().is_none_or(|name| *name == id.interface);
        match gateway.interface() {
            None if gateway.is_link_local() => Err(DocumentError::new(
                DocumentErrorKind::Missing,
                "gateway",
                format!("{ip} is link-local, and says nothing without its interface"),
            )
            .with_hint(format!(
                "write {{ address = \"{ip}\", interface = \"eth0\" }}"
            ))),
            Some(_) if gateway.is_link_local() || gateway.is_on_link() => Ok(()),
            _ if own().filter(is_on_it).any(|id| id.network.contains(&ip)) => Ok(()),
            _ => Err(self.unreachable(gateway)),
        }
    }

    fn unreachable(&self, gateway: &Gateway) -> DocumentError {
        let ip = gateway.address();
        let connected: Vec<_> = self
            .addresses
            .iter()
            .map(|address| address.id.network.trunc().to_string())
            .collect();
        let (place, interface) = match gateway.interface() {
            Some(interface) => (interface.to_string(), interface.as_str()),
            None => ("this node".to_owned(), "eth0"),
        };
        DocumentError::new(
            DocumentErrorKind::Unreachable,
            "gateway",
            format!("{ip} is on no network of {place}"),
        )
        .with_hint(match connected.as_slice() {
            [] => "give the node an address first".to_owned(),
            _ => format!(
                "the node is connected to {}; a router on the link itself is {{ address = \"{ip}\", \
                 interface = \"{interface}\", on-link = true }}",
                connected.join(" and ")
            ),
        })
    }
}

/// Returns whether no router can have an address.
fn is_no_host(ip: IpAddr) -> bool {
    ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_multicast()
        || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn duplicate(ip: IpAddr, first: &str, is_virtual_on_server: bool) -> DocumentError {
    DocumentError::new(
        DocumentErrorKind::Duplicate,
        "address",
        format!("{ip} is also the address of {first}"),
    )
    .with_hint(if is_virtual_on_server {
        "leave it out: a real server that needs the virtual IP gets it on lo"
    } else {
        "every address belongs to one node, once"
    })
}
