//! The nodes: each by itself, and their names and addresses among each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::address;
use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::cluster::model::gateway::Gateway;
use crate::cluster::model::mistakes::Mistakes;
use crate::cluster::model::name::NodeName;
use crate::cluster::model::places::Gaps;
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::{Address, AddressId};

/// Holds what directors and real servers have in common.
struct Node<'a> {
    path: String,
    name: &'a NodeName,
    addresses: &'a [Address],
    gateway: Option<&'a Gateway>,
    /// The path of each address below that of the node.
    address_paths: Vec<String>,
    /// Whether the gateway is that of `[defaults]`.
    has_default_gateway: bool,
}

impl Cluster {
    fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let places = &self.index.places;
        let directors = self.directors.iter().enumerate().map(|(i, director)| Node {
            path: self.director_path(i),
            name: &director.name,
            addresses: &director.addresses,
            gateway: director.gateway.as_ref(),
            address_paths: (0..director.addresses.len())
                .map(|k| format!("addresses[{k}]"))
                .collect(),
            has_default_gateway: false,
        });
        let servers = self.real_servers.iter().enumerate();
        directors.chain(servers.map(|(i, server)| {
            Node {
                path: places.real_server(i).to_string(),
                name: &server.name,
                addresses: &server.addresses,
                gateway: server.gateway.as_ref(),
                address_paths: (0..server.addresses.len())
                    .map(|k| places.address(i, k))
                    .collect(),
                has_default_gateway: places.has_default_gateway(i),
            }
        }))
    }

    /// Returns how many nodes have the name of another one before them.
    pub(super) fn repeated_names(&self) -> usize {
        let names: BTreeSet<_> = self.node_names().collect();
        self.node_names().count() - names.len()
    }

    pub(super) fn validate_names(&self, mistakes: &mut Mistakes) {
        let mut seen: BTreeMap<&NodeName, String> = BTreeMap::new();
        for node in self.nodes() {
            let Some(first) = seen.get(node.name) else {
                seen.insert(node.name, node.path);
                continue;
            };
            let problem = format!("{:?} is also the name of {first}", node.name.as_str());
            mistakes.push(
                DocumentError::new(DocumentErrorKind::Duplicate, "name", problem)
                    .with_hint("every node needs a name of its own")
                    .within(node.path),
            );
        }
    }

    pub(super) fn validate_nodes(&self, gaps: &Gaps, mistakes: &mut Mistakes) {
        for node in self.nodes() {
            let is_director = self.director(node.name.as_str()).is_some();
            mistakes.within(&node.path, |mistakes| node.validate_addresses(mistakes));
            if (is_director && gaps.directors) || gaps.incomplete.contains(node.name) {
                continue;
            }
            let path = match node.has_default_gateway {
                true => "defaults",
                false => &node.path,
            };
            if let Some(gateway) = node.gateway {
                let checked = node
                    .validate_gateway(gateway)
                    .and_then(|()| match gaps.services {
                        true => Ok(()),
                        false => self.validate_family(&node, gateway),
                    });
                mistakes.keep(checked.map_err(|mistake| mistake.within(path)));
            }
        }
    }

    /// Refuses a gateway of a family of which neither the node nor any service has an address: no packet of the cluster
    /// would be sent to it, and the other family would lack a default route.
    fn validate_family(&self, node: &Node<'_>, gateway: &Gateway) -> Result<(), DocumentError> {
        let services = self.services.iter();
        let mut families = node
            .addresses
            .iter()
            .map(|address| Family::from(address.id.network.addr()))
            .chain(services.map(|service| service.service.id.family()));
        let Some(ip) = gateway
            .address()
            .filter(|ip| families.all(|family| family != (*ip).into()))
        else {
            return Ok(());
        };
        Err(DocumentError::new(
            DocumentErrorKind::Conflict,
            "gateway",
            format!(
                "{ip} has no effect: neither {} nor any service has an address of that family",
                node.name
            ),
        )
        .with_hint("write the router's address of the other family"))
    }

    /// Refuses an address that occurs twice, unless it floats between the directors. The virtual IP of direct
    /// routing, which all real servers carry, is not written in the file but follows from the services.
    ///
    /// Where the directors have mistakes, any address that both have may be meant to float.
    pub(super) fn validate_addresses_are_unique(&self, may_float: bool, mistakes: &mut Mistakes) {
        let is_director = |name: &NodeName| self.director(name.as_str()).is_some();
        let vips = self.virtual_ips();
        let mut seen: BTreeMap<IpAddr, (&NodeName, String)> = BTreeMap::new();
        for node in self.nodes() {
            for (address, place) in node.addresses.iter().zip(&node.address_paths) {
                let ip = address.id.network.addr();
                let path = match place.as_str() {
                    "" => node.path.clone(),
                    place => format!("{}.{place}", node.path),
                };
                let Some((owner, first)) = seen.insert(ip, (node.name, path.clone())) else {
                    continue;
                };
                let floats = match may_float {
                    true => is_director(owner) && is_director(node.name),
                    false => owner != node.name && self.floats_between(ip, owner, node.name),
                };
                if floats {
                    continue;
                }
                let is_virtual = !is_director(node.name) && vips.contains(&ip);
                mistakes.push(duplicate(ip, &first, is_virtual).within(path));
            }
        }
    }
}

impl Node<'_> {
    fn validate_addresses(&self, mistakes: &mut Mistakes) {
        for (address, place) in self.addresses.iter().zip(&self.address_paths) {
            mistakes.keep(address::check(address).map_err(|mistake| mistake.within(place)));
        }
    }

    /// Refuses a gateway that is not a neighbour: another address on a network of this node, or on a link that
    /// the file names.
    fn validate_gateway(&self, gateway: &Gateway) -> Result<(), DocumentError> {
        let Some(ip) = gateway.address() else {
            return self.validate_device(gateway);
        };
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
            _ => Err(self.unreachable(ip, gateway)),
        }
    }

    /// Refuses a device that leads to no other node.
    fn validate_device(&self, gateway: &Gateway) -> Result<(), DocumentError> {
        if gateway.interface() != Some(&IfName::LO) {
            return Ok(());
        }
        Err(DocumentError::new(
            DocumentErrorKind::InvalidValue,
            "gateway",
            "lo leads to no router",
        )
        .with_hint("write the interface of a point-to-point link, or the router's address"))
    }

    fn unreachable(&self, ip: IpAddr, gateway: &Gateway) -> DocumentError {
        let connected: Vec<_> = self
            .addresses
            .iter()
            .map(|address| address.id.network.trunc().to_string())
            .collect();
        let (place, interface) = match gateway.interface() {
            Some(interface) => (interface.to_string(), interface.as_str()),
            None if self.has_default_gateway => (self.name.to_string(), "eth0"),
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
