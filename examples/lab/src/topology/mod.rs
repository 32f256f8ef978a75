//! The links, the client and the router that a cluster needs, derived from the cluster alone. Pure.
//!
//! - Interfaces whose networks overlap share a link. `lo` has none.
//! - A gateway that is not an address of a node becomes an address of the router.
//! - The client is on a virtual IP's network, if that is more than a host address, or on another network of the link that
//!   contains it; otherwise it is behind the router, which has a host route to the virtual IP by the director's link.
//!
//! A question that the cluster does not answer is an error; the lab does not guess.

mod link;
mod outside;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use lvs_core::cluster::Gateway;
use lvs_core::net::IpNet;
use lvs_core::{Cluster, IfName};

/// Tells why a cluster cannot be built in the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyError(String);

impl TopologyError {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the lab cannot tell how to wire this cluster: {}",
            self.0
        )
    }
}

impl std::error::Error for TopologyError {}

type Result<T> = std::result::Result<T, TopologyError>;

/// The number of a link, an Ethernet that connects nodes.
pub type Link = usize;

/// Describes the network to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The nodes of the cluster, without addresses: the cluster sets those.
    pub nodes: BTreeMap<String, Vec<Port>>,
    /// The router, if one is needed; all its addresses and routes are given here.
    pub router: Option<Outsider>,
    /// The client.
    pub client: Outsider,
    /// The client's addresses for each virtual IP, in the order of their use.
    pub sources: BTreeMap<IpAddr, Vec<IpAddr>>,
    /// How many links there are.
    pub links: usize,
}

/// Describes an interface and its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The interface.
    pub interface: IfName,
    /// The link's number, from 0.
    pub link: Link,
}

/// Describes the client or the router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outsider {
    /// The interfaces.
    pub ports: Vec<Port>,
    /// The addresses.
    pub addresses: Vec<(IfName, IpNet)>,
    /// Routes by an interface, to hosts outside its networks.
    pub hosts: Vec<(IpAddr, IfName)>,
    /// The default gateways, at most one of a family.
    pub gateways: Vec<IpAddr>,
}

impl Outsider {
    /// Returns the interface on a link; adds one if there is none.
    fn interface_on(&mut self, link: Link) -> Result<IfName> {
        if let Some(port) = self.ports.iter().find(|port| port.link == link) {
            return Ok(port.interface.clone());
        }
        let name = format!("eth{}", self.ports.len());
        let interface = IfName::new(name).map_err(|e| TopologyError::new(e.to_string()))?;
        self.ports.push(Port {
            interface: interface.clone(),
            link,
        });
        Ok(interface)
    }

    fn add_address(&mut self, link: Link, address: IpNet) -> Result<()> {
        let entry = (self.interface_on(link)?, address);
        if !self.addresses.contains(&entry) {
            self.addresses.push(entry);
        }
        Ok(())
    }

    /// Adds a route to a host on a link, unless a network there contains it.
    fn add_host(&mut self, link: Link, host: IpAddr) -> Result<()> {
        let interface = self.interface_on(link)?;
        let connected =
            |(name, network): &(IfName, IpNet)| *name == interface && network.contains(&host);
        let entry = (host, interface.clone());
        if !self.addresses.iter().any(connected) && !self.hosts.contains(&entry) {
            self.hosts.push(entry);
        }
        Ok(())
    }
}

/// Holds what the derivation needs of a node.
#[derive(Clone, Debug)]
struct Node {
    name: String,
    addresses: Vec<(IfName, IpNet)>,
    gateway: Option<Gateway>,
}

impl Topology {
    /// Derives the network of a cluster, with so many client addresses for each virtual IP.
    ///
    /// ```
    /// use lvs_core::Cluster;
    /// use lvs_lab::topology::Topology;
    /// let cluster = Cluster::from_toml(
    ///     r#"
    ///     name = "web"
    ///     forwarding = "nat"
    ///     [director]
    ///     addresses = [
    ///         { interface = "eth0", address = "172.16.5.11/16" },
    ///         { interface = "eth1", address = "192.168.1.11/24" },
    ///     ]
    ///     [[services]]
    ///     address = "172.16.5.11:80"
    ///     [[real-servers]]
    ///     name = "realserver1"
    ///     addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
    ///     "#,
    /// )?;
    /// let topology = Topology::of(&cluster, 1)?;
    /// assert_eq!(topology.links, 2);
    /// assert_eq!(topology.client.addresses[0].1.to_string(), "172.16.5.100/16");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The cluster does not determine the network.
    pub fn of(cluster: &Cluster, clients: usize) -> Result<Self> {
        let virtual_ips: Vec<IpAddr> = cluster.virtual_ips().iter().copied().collect();
        Self::derive(&nodes(cluster), &virtual_ips, clients)
    }

    fn derive(nodes: &[Node], virtual_ips: &[IpAddr], clients: usize) -> Result<Self> {
        let links = link::derive(nodes)?;
        let mut all = BTreeMap::new();
        for node in nodes {
            all.insert(node.name.clone(), link::ports(&links, node));
        }
        let outside = outside::derive(nodes, &links, virtual_ips, clients)?;
        Ok(Self {
            nodes: all,
            router: outside.router,
            client: outside.client,
            sources: outside.sources,
            links: outside.links,
        })
    }
}

fn nodes(cluster: &Cluster) -> Vec<Node> {
    let real_servers = cluster
        .real_servers()
        .iter()
        .map(|server| (&server.name, &server.addresses, &server.gateway));
    cluster
        .directors()
        .iter()
        .map(|director| (&director.name, &director.addresses, &director.gateway))
        .chain(real_servers)
        .map(|(name, addresses, gateway)| Node {
            name: name.to_string(),
            addresses: addresses
                .iter()
                .map(|address| (address.id.interface.clone(), address.id.network))
                .collect(),
            gateway: gateway.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, addresses: &[(&str, &str)], gateway: Option<&str>) -> Node {
        Node {
            name: name.to_owned(),
            addresses: addresses
                .iter()
                .map(|(interface, address)| (interface.parse().unwrap(), address.parse().unwrap()))
                .collect(),
            gateway: gateway.map(|gateway| Gateway::Near(gateway.parse().unwrap())),
        }
    }

    fn vip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn nat() -> Vec<Node> {
        vec![
            node(
                "director",
                &[("eth0", "172.16.5.11/16"), ("eth1", "192.168.1.11/24")],
                Some("172.16.0.1"),
            ),
            node("realserver1", &[("eth0", "192.168.1.12/24")], None),
            node("realserver2", &[("eth0", "192.168.1.13/24")], None),
        ]
    }

    fn dr() -> Vec<Node> {
        let gateway = Some("192.168.1.254");
        vec![
            node(
                "director",
                &[("eth0", "172.16.5.11/32"), ("eth0", "192.168.1.11/24")],
                gateway,
            ),
            node("realserver1", &[("eth0", "192.168.1.12/24")], gateway),
            node("realserver2", &[("eth0", "192.168.1.13/24")], gateway),
        ]
    }

    #[test]
    fn nat_has_two_links_and_its_client_beside_the_vip() {
        let topology = Topology::derive(&nat(), &[vip("172.16.5.11")], 1).unwrap();
        assert_eq!(topology.links, 2);
        let [front, back] = topology.nodes["director"].as_slice() else {
            panic!("{topology:?}")
        };
        assert_ne!(front.link, back.link);
        assert_eq!(topology.nodes["realserver1"][0].link, back.link);
        assert_eq!(topology.nodes["realserver2"][0].link, back.link);
        assert_eq!(topology.client.ports[0].link, front.link);
        let address = topology.client.addresses[0].1;
        assert_eq!(address.to_string(), "172.16.5.100/16");
        assert!(topology.client.gateways.is_empty());
        let router = topology.router.unwrap();
        assert_eq!(router.addresses[0].1.to_string(), "172.16.0.1/16");
        assert_eq!(router.ports[0].link, front.link);
        assert!(router.hosts.is_empty());
    }

    #[test]
    fn a_host_address_is_on_the_network_that_contains_it() {
        let mut nodes = nat();
        nodes[0].addresses[0].1 = "172.16.5.11/32".parse().unwrap();
        let own = ("eth0".parse().unwrap(), "172.16.5.21/16".parse().unwrap());
        nodes[0].addresses.push(own);
        let topology = Topology::derive(&nodes, &[vip("172.16.5.11")], 1).unwrap();
        let address = topology.client.addresses[0].1;
        assert_eq!(address.to_string(), "172.16.5.100/16");
    }

    #[test]
    fn two_directors_share_their_links() {
        let cluster = Cluster::from_toml(include_str!("../../../two_directors.toml")).unwrap();
        let topology = Topology::of(&cluster, 1).unwrap();
        assert_eq!(topology.links, 2);
        assert_eq!(topology.nodes["lb1"], topology.nodes["lb2"]);
        let address = topology.client.addresses[0].1;
        assert_eq!(address.to_string(), "172.16.5.100/16");
        assert_eq!(topology.client.ports[0].link, topology.nodes["lb1"][0].link);
    }

    #[test]
    fn dr_has_its_client_behind_the_router() {
        let topology = Topology::derive(&dr(), &[vip("172.16.5.11")], 2).unwrap();
        assert_eq!(topology.links, 2, "the cluster's and the client's");
        let router = topology.router.unwrap();
        let addresses: Vec<_> = router.addresses.iter().map(|a| a.1.to_string()).collect();
        assert_eq!(addresses, ["192.168.1.254/24", "198.18.0.1/24"]);
        let lan = &router.ports[0];
        assert_eq!(lan.link, topology.nodes["director"][0].link);
        assert_eq!(router.hosts, [(vip("172.16.5.11"), lan.interface.clone())]);
        assert_eq!(topology.client.gateways, [vip("198.18.0.1")]);
        let sources = &topology.sources[&vip("172.16.5.11")];
        assert_eq!(*sources, [vip("198.18.0.100"), vip("198.18.0.101")]);
    }

    #[test]
    fn used_addresses_are_not_given_to_clients() {
        let mut nodes = nat();
        nodes[0].addresses[0].1 = "172.16.5.101/30".parse().unwrap();
        nodes[0].gateway = None;
        let vips = [vip("172.16.5.101")];
        let topology = Topology::derive(&nodes, &vips, 1).unwrap();
        assert_eq!(topology.sources[&vips[0]], [vip("172.16.5.102")]);
        assert_eq!(topology.router, None);
        let error = Topology::derive(&nodes, &vips, 2).unwrap_err();
        assert!(error.to_string().contains("172.16.5.100/30"), "{error}");
    }

    #[test]
    fn ipv6_is_derived_alike() {
        let gateway = Some("2001:db8:1::fe");
        let nodes = [
            node(
                "director",
                &[("eth0", "2001:db8::11/128"), ("eth0", "2001:db8:1::11/64")],
                gateway,
            ),
            node("realserver1", &[("eth0", "2001:db8:1::12/64")], gateway),
        ];
        let topology = Topology::derive(&nodes, &[vip("2001:db8::11")], 1).unwrap();
        assert_eq!(topology.client.gateways, [vip("2001:2::1")]);
        assert_eq!(topology.sources[&vip("2001:db8::11")], [vip("2001:2::100")]);
    }

    #[test]
    fn an_undetermined_network_is_an_error() {
        let mut without_gateway = dr();
        without_gateway.iter_mut().for_each(|n| n.gateway = None);
        let mut only_hosts = dr();
        only_hosts[1].addresses[0].1 = "192.168.1.12/32".parse().unwrap();
        let mut astray = dr();
        astray[1].gateway = Some(vip("10.0.0.1").into());
        for (nodes, word) in [
            (without_gateway, "172.16.5.11"),
            (only_hosts, "eth0 of realserver1"),
            (astray, "10.0.0.1"),
        ] {
            let error = Topology::derive(&nodes, &[vip("172.16.5.11")], 1).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        let error = Topology::derive(&dr(), &[vip("172.16.5.12")], 1).unwrap_err();
        assert!(error.to_string().contains("172.16.5.12"), "{error}");
    }
}
