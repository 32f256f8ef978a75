//! Names, networks and weights of the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::addresses::sensible;
use super::directors::WayBack;
use super::{Fitted, FittedServer};
use crate::cluster::NodeName;
use crate::import::draft::{DraftDestination, DraftService};
use crate::import::{Options, names};
use crate::ipvs::{Family, Weight};
use crate::name::IfName;

impl Fitted {
    /// Returns the name of a service's fallback.
    pub(in crate::import) fn fallback(&self, service: &DraftService) -> Option<&str> {
        let mut destinations = service.destinations.iter();
        let fallback = destinations.find(|destination| destination.is_fallback)?;
        let name = self.nodes.get(&fallback.destination.id.address);
        name.map(String::as_str)
    }

    /// Gives every destination's address a node.
    pub(super) fn name_nodes(&mut self, own: &BTreeMap<Family, IpAddr>, options: &Options) {
        let services = self.draft.services.iter();
        let ips: Vec<IpAddr> = services
            .flat_map(|service| &service.destinations)
            .map(|destination| destination.destination.id.address)
            .collect();
        let mut taken: BTreeSet<String> = self.directors.iter().cloned().collect();
        for ip in ips {
            if self.nodes.contains_key(&ip) {
                continue;
            }
            if own.values().any(|own| *own == ip) {
                self.nodes.insert(ip, options.node.to_string());
                continue;
            }
            let hint = self.draft.names.get(&ip);
            let hint = hint.filter(|name| NodeName::new(name.as_str()).is_ok());
            let hint = hint.filter(|name| !taken.contains(*name));
            let name = hint.cloned().unwrap_or_else(|| names::node(ip));
            taken.insert(name.clone());
            self.nodes.insert(ip, name.clone());
            let server = self.server(ip, name, options);
            self.servers.push(server);
        }
    }

    /// Gives a real server the weight that all of its destinations have.
    pub(super) fn weigh(&mut self) {
        for server in &mut self.servers {
            let ip = server.network.addr();
            let services = self.draft.services.iter();
            let mut weights = services
                .flat_map(|service| &service.destinations)
                .filter(|end| end.destination.id.address == ip && !end.is_fallback)
                .map(|end| end.destination.weight);
            let first = weights.next();
            server.weight = first.filter(|first| weights.all(|weight| weight == *first));
        }
    }

    /// Returns the weight that a destination has beside its real server's.
    pub(in crate::import) fn written_weight(&self, draft: &DraftDestination) -> Option<Weight> {
        let destination = &draft.destination;
        let mut servers = self.servers.iter();
        let server = servers.find(|server| server.network.addr() == destination.id.address);
        let weight = server.and_then(|server| server.weight);
        let is_its_own = draft.is_fallback || weight != Some(destination.weight);
        is_its_own.then_some(destination.weight)
    }

    /// Assumes where a real server's address is: on the director's network that contains it, if any does.
    fn server(&self, ip: IpAddr, name: String, options: &Options) -> FittedServer {
        if ip.is_loopback() {
            let prefix = if ip.is_ipv4() { 8 } else { 128 };
            return FittedServer {
                name,
                interface: IfName::LO,
                network: with_prefix(ip, prefix),
                assumed: "interface and prefix length; this is the director itself",
                gateway: None,
                weight: None,
            };
        }
        let (network, is_near) = network(ip, &self.networks);
        let way_back = self
            .draft
            .floats
            .then(|| WayBack::of(ip, &self.draft, &self.networks));
        FittedServer {
            name,
            interface: options.interface.clone(),
            network,
            assumed: match is_near {
                true => "interface; prefix length as on the director",
                false => "interface and prefix length",
            },
            gateway: match way_back {
                Some(WayBack::Virtual(vip)) => Some(vip),
                _ => None,
            },
            weight: None,
        }
    }
}

/// Assumes the network of a real server, and returns whether it is one of the director's.
pub(super) fn network(ip: IpAddr, networks: &[IpNet]) -> (IpNet, bool) {
    let near = networks.iter();
    let near = near.filter(|network| network.contains(&ip) && network.addr() != ip);
    let near = near.map(|network| network.prefix_len()).max();
    let default = if ip.is_ipv4() { 24 } else { 64 };
    (
        sensible(with_prefix(ip, near.unwrap_or(default))),
        near.is_some(),
    )
}

fn with_prefix(ip: IpAddr, prefix: u8) -> IpNet {
    IpNet::new(ip, prefix).unwrap_or_else(|_| IpNet::from(ip))
}
