//! The links on which other hosts ask for an address: where it is announced, and where it is asked for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cluster::{DesiredState, Observed};
use crate::error::Result;
use crate::host::Host;
use crate::name::IfName;
use crate::net::{Address, AddressId, Link, MacAddress, Route};

/// The kinds of links that have a hardware address and never carry ARP or neighbour discovery.
const WITHOUT_NEIGHBOURS: [&str; 3] = ["dummy", "ifb", "vrf"];

/// Holds what decides on which links questions for an address arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) links: &'a [Link],
    pub(crate) addresses: &'a [Address],
    pub(crate) routes: &'a [Route],
}

/// Holds what was read of a host to decide that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbourhood {
    pub(crate) links: Vec<Link>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) routes: Vec<Route>,
}

impl Neighbourhood {
    pub(crate) fn read(host: &mut Host) -> Result<Self> {
        let net = host.net();
        Ok(Self {
            links: net.links()?,
            addresses: net.addresses()?,
            routes: net.routes()?,
        })
    }

    /// Adds the addresses and routes that a node is going to have.
    pub(crate) fn with(mut self, node: Option<&DesiredState>) -> Self {
        if let Some(node) = node {
            let addresses = node.addresses.iter().map(|desired| &desired.value);
            self.addresses.extend(addresses.cloned());
            let routes = node.routes.iter().map(|desired| &desired.value);
            self.routes.extend(routes.cloned());
        }
        self
    }

    pub(crate) fn has_carrier(&self, name: &IfName) -> bool {
        self.links
            .iter()
            .any(|link| link.name == *name && link.up && link.carrier)
    }

    /// Returns whether a hardware address is one of this host's.
    pub(crate) fn has_mac(&self, mac: MacAddress) -> bool {
        self.links.iter().any(|link| link.mac == Some(mac))
    }

    pub(crate) fn arrival(&self) -> Arrival<'_> {
        Arrival {
            links: &self.links,
            addresses: &self.addresses,
            routes: &self.routes,
        }
    }
}

impl Link {
    /// Returns whether it carries ARP and neighbour discovery.
    pub(in crate::cluster) fn has_neighbours(&self) -> bool {
        let kind = self.kind.as_deref().unwrap_or_default();
        self.name != IfName::LO && self.mac.is_some() && !WITHOUT_NEIGHBOURS.contains(&kind)
    }
}

impl AddressId {
    /// Returns the interface on whose network an address is that another interface carries, by the addresses of the
    /// node: neighbours ask for it there.
    pub(crate) fn asked_beside<'a>(
        &self,
        addresses: impl IntoIterator<Item = &'a Self>,
    ) -> Option<&'a IfName> {
        let near: BTreeSet<_> = addresses
            .into_iter()
            .filter(|id| id.network.prefix_len() < id.network.max_prefix_len())
            .filter(|id| id.network.contains(&self.network.addr()))
            .map(|id| &id.interface)
            .filter(|interface| **interface != IfName::LO)
            .collect();
        match near.contains(&self.interface) {
            true => None,
            false => near.into_iter().next(),
        }
    }
}

impl Arrival<'_> {
    /// Returns the links where ARP requests or neighbour solicitations for an address arrive.
    ///
    /// On a link with neighbours this is the link itself. For an address on `lo`, a dummy or a tunnel these are
    /// the links whose network contains the address, else the link of the default route, else all
    /// links that carry an address of its family.
    pub(crate) fn links_of(&self, id: &AddressId) -> BTreeSet<IfName> {
        if self.has_neighbours(&id.interface) {
            return BTreeSet::from([id.interface.clone()]);
        }
        let ip = id.network.addr();
        [self.near(ip), self.of_default_route(ip), self.all(ip)]
            .into_iter()
            .find(|links| !links.is_empty())
            .unwrap_or_default()
    }

    /// Returns those of these links on which the kernel answers: for an IPv4 address on all of them, for an IPv6
    /// address only on its own link.
    pub(crate) fn answering_links_of(&self, id: &AddressId) -> BTreeSet<IfName> {
        match id.network.addr().is_ipv4() || self.has_neighbours(&id.interface) {
            true => self.links_of(id),
            false => BTreeSet::new(),
        }
    }

    /// Returns whether a link carries ARP and neighbour discovery.
    pub(crate) fn has_neighbours(&self, name: &IfName) -> bool {
        self.links
            .iter()
            .any(|link| link.name == *name && link.has_neighbours())
    }

    /// Returns the links whose network contains an address; a network of a single address contains no neighbour.
    fn near(&self, ip: IpAddr) -> BTreeSet<IfName> {
        self.carriers(|id| {
            id.network.prefix_len() < id.network.max_prefix_len() && id.network.contains(&ip)
        })
    }

    /// Returns the links of the default routes of the lowest metric, by which the router's answers leave too.
    fn of_default_route(&self, ip: IpAddr) -> BTreeSet<IfName> {
        let defaults = || {
            self.routes.iter().filter(move |route| {
                route.id.is_default() && route.id.destination.addr().is_ipv4() == ip.is_ipv4()
            })
        };
        let lowest = defaults().map(|route| route.id.metric).min();
        defaults()
            .filter(|route| Some(route.id.metric) == lowest)
            .flat_map(|route| match (&route.interface, route.gateway) {
                (Some(interface), _) => BTreeSet::from([interface.clone()]),
                (None, Some(gateway)) => self.near(gateway),
                (None, None) => route
                    .details
                    .next_hops
                    .iter()
                    .filter_map(|hop| hop.interface.clone())
                    .collect(),
            })
            .filter(|interface| self.has_neighbours(interface))
            .collect()
    }

    fn all(&self, ip: IpAddr) -> BTreeSet<IfName> {
        self.carriers(|id| id.network.addr().is_ipv4() == ip.is_ipv4())
    }

    fn carriers(&self, matches: impl Fn(&AddressId) -> bool) -> BTreeSet<IfName> {
        self.addresses
            .iter()
            .map(|address| &address.id)
            .filter(|id| matches(id) && self.has_neighbours(&id.interface))
            .map(|id| id.interface.clone())
            .collect()
    }
}

impl Observed {
    /// Returns what is known of the links, as far as it decides where questions for an address arrive.
    pub(in crate::cluster) fn links_with_neighbours(&self) -> Vec<Link> {
        self.links
            .iter()
            .filter(|(name, _)| !self.without_neighbours.contains(*name))
            .map(|(name, up)| Link {
                index: 0,
                name: name.clone(),
                up: *up,
                carrier: *up,
                arp: true,
                mtu: 0,
                mac: Some(MacAddress([0; 6])),
                kind: None,
                controller: None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, kind: Option<&str>, has_mac: bool) -> Link {
        Link {
            index: 1,
            name: name.parse().unwrap(),
            up: true,
            carrier: true,
            arp: true,
            mtu: 1500,
            mac: has_mac.then_some(MacAddress([2, 0, 0, 0, 0, 1])),
            kind: kind.map(str::to_owned),
            controller: None,
        }
    }

    fn address(interface: &str, network: &str) -> Address {
        Address::new(interface.parse().unwrap(), network.parse().unwrap())
    }

    fn arriving(addresses: &[Address], routes: &[Route], interface: &str, vip: &str) -> String {
        let links = [
            link("lo", None, true),
            link("eth0", None, true),
            link("eth1", Some("veth"), true),
            link("dummy0", Some("dummy"), true),
            link("tunl0", Some("ipip"), false),
        ];
        let arrival = Arrival {
            links: &links,
            addresses,
            routes,
        };
        let found = arrival.links_of(&address(interface, vip).id);
        found
            .iter()
            .map(IfName::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_link_with_neighbours_is_asked_itself() {
        let own = [address("eth1", "172.16.5.1/24")];
        assert_eq!(arriving(&own, &[], "eth0", "172.16.5.11/32"), "eth0");
    }

    #[test]
    fn other_links_give_way_to_the_network_the_default_route_and_all() {
        let own = [
            address("eth0", "192.168.1.21/24"),
            address("eth1", "10.0.0.21/24"),
            address("eth1", "10.0.1.9/32"),
            address("dummy0", "10.0.2.1/24"),
            address("eth1", "2001:db8::21/64"),
        ];
        let by = |gateway: &str, network: &str| {
            Route::via(network.parse().unwrap(), gateway.parse().unwrap())
        };
        let default = by("10.0.0.254", "0.0.0.0/0");
        let to = |routes: &[Route], vip: &str| {
            ["lo", "dummy0", "tunl0"].map(|interface| arriving(&own, routes, interface, vip))
        };
        let everywhere = |links: &str| [links; 3].map(str::to_owned);
        assert_eq!(to(&[], "192.168.1.100/32"), everywhere("eth0"));
        assert_eq!(
            to(std::slice::from_ref(&default), "192.168.1.100/32"),
            everywhere("eth0")
        );
        assert_eq!(
            to(std::slice::from_ref(&default), "203.0.113.1/32"),
            everywhere("eth1")
        );
        assert_eq!(to(&[], "203.0.113.1/32"), everywhere("eth0 eth1"));
        assert_eq!(
            to(&[], "10.0.1.9/32"),
            everywhere("eth0 eth1"),
            "a network of one"
        );
        assert_eq!(
            to(&[], "10.0.2.9/32"),
            everywhere("eth0 eth1"),
            "a dummy's network"
        );
        let six = by("2001:db8::1", "::/0");
        assert_eq!(to(&[six, default], "2001:db8:1::1/128"), everywhere("eth1"));
        assert_eq!(to(&[], "2001:db8::100/128"), everywhere("eth1"));
        let worse = Route {
            interface: Some("eth0".parse().unwrap()),
            ..by("10.0.0.254", "0.0.0.0/0")
        };
        assert_eq!(to(&[worse], "203.0.113.1/32"), everywhere("eth0"));
    }

    #[test]
    fn without_any_address_there_is_no_link() {
        assert_eq!(arriving(&[], &[], "lo", "203.0.113.1/32"), "");
    }
}
