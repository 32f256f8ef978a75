//! The routes that packets of the cluster would take on a node: which packets are looked up, and the answers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::network::is_wide;
use crate::cluster::change::{Change, Object};
use crate::cluster::{Cluster, DesiredState, NodeKind, NodeName};
use crate::ipvs::Forwarding;
use crate::net::{PolicyRule, Route, RouteDecision, RouteQuery, Verdict};

/// Holds the route that one packet of the cluster would take on a node, as the kernel decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PathFact {
    /// The packet: an answer to a client, or one of the director's to a real server.
    pub query: RouteQuery,
    /// Whether there was a client with this address when the facts were gathered. Others are examples.
    pub seen: bool,
    /// What becomes of the packet.
    pub decision: RouteDecision,
    /// The route that decides, as its table has it; `None` where it is no unicast route.
    pub route: Option<Route>,
    /// The rule of policy routing that leads to it, unless every host has it.
    pub rule: Option<PolicyRule>,
}

/// Clients of which the whole Internet has some: an address for documentation (RFC 5737, RFC 3849), and one of the
/// lower half of IPv4, which has none. No packet is sent to them.
const EXAMPLES: [&[IpAddr]; 3] = [
    &[
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    ],
    &[
        IpAddr::V4(Ipv4Addr::new(64, 0, 2, 7)),
        IpAddr::V4(Ipv4Addr::new(96, 0, 2, 7)),
    ],
    &[
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 7)),
        IpAddr::V6(Ipv6Addr::new(0x3fff, 0xfff, 0xffff, 0, 0, 0, 0, 7)),
    ],
];

/// So many networks of clients are looked up.
const MOST_CLIENTS: usize = 16;

impl PathFact {
    /// Returns the next hop of the packet: the gateway, or its destination.
    #[must_use]
    pub fn next_hop(&self) -> IpAddr {
        self.decision.gateway.unwrap_or(self.query.destination)
    }

    /// Returns whether the packet is sent.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.decision.verdict == Verdict::Unicast
    }

    /// Returns what decides, as `ip` prints it: `default via 192.168.1.254 dev eth0`, and the rule that leads there.
    #[must_use]
    pub fn decided_by(&self) -> String {
        let route = self.route.as_ref().map(as_ip_prints);
        let rule = self.rule.as_ref().map(|rule| format!("ip rule {rule}"));
        match (route, rule) {
            (Some(route), Some(rule)) => format!("{route} ({rule})"),
            (Some(decider), None) | (None, Some(decider)) => decider,
            (None, None) => "no route".to_owned(),
        }
    }
}

/// Returns a route without the program that added it, which is not what makes it win.
fn as_ip_prints(route: &Route) -> String {
    let shown = Route {
        protocol: 0,
        ..route.clone()
    };
    let line = Change::Delete(Object::Route(shown)).to_shell();
    match line.split_once(" route delete ") {
        Some((_, route)) => route.to_owned(),
        None => route.to_string(),
    }
}

impl Facts {
    /// Returns the packets of a node that are looked up, each with whether a client was seen for whom it is.
    pub(super) fn packets(
        &self,
        cluster: &Cluster,
        node: &DesiredState,
        peers: &BTreeSet<(SocketAddr, SocketAddr)>,
    ) -> Vec<(RouteQuery, bool)> {
        let mut packets = Vec::new();
        let mut shown = BTreeSet::new();
        for source in self.answer_sources(cluster, node) {
            let is_family = |ip: &IpAddr| ip.is_ipv4() == source.is_ipv4();
            let answer = |client| RouteQuery::to(client).with_source(source);
            let seen = self.clients_of(cluster, source, peers).into_iter();
            packets.extend(seen.filter(is_family).map(|client| (answer(client), true)));
            // A director may have thousands of virtual IPs; there examples only show which gateways are needed.
            let carrier = self.carrying(source).map(|address| &address.id.interface);
            let is_first = shown.insert((carrier.min(), source.is_ipv4()));
            if node.kind == NodeKind::RealServer || is_first {
                let examples = cluster.example_clients().into_iter();
                packets.extend(
                    examples
                        .filter(is_family)
                        .map(|client| (answer(client), false)),
                );
            }
        }
        if node.kind == NodeKind::Director {
            let rips = cluster.real_ips().into_iter();
            packets.extend(
                rips.filter(|rip| !self.carries(*rip))
                    .map(|rip| (RouteQuery::to(rip), false)),
            );
        }
        packets
    }

    /// Returns packets from a director's IPv4 virtual IPs to clients, one virtual IP for each interface: by the way of
    /// these rp_filter expects the packets of the clients.
    pub(super) fn reverse_packets(
        &self,
        cluster: &Cluster,
        node: &DesiredState,
    ) -> Vec<(RouteQuery, bool)> {
        if node.kind != NodeKind::Director || self.is_standby() {
            return Vec::new();
        }
        let mut carriers = BTreeSet::new();
        let vips = cluster.virtual_ips();
        self.addresses
            .iter()
            .map(|address| (&address.id.interface, address.id.network.addr()))
            .filter(|(_, vip)| vip.is_ipv4() && vips.contains(vip))
            .filter(|(carrier, _)| carriers.insert(*carrier))
            .flat_map(|(_, vip)| {
                let seen = self.clients_of(cluster, vip, &BTreeSet::new()).into_iter();
                let examples = cluster.example_clients().into_iter();
                seen.map(|client| (client, true))
                    .chain(examples.map(|client| (client, false)))
                    .filter(|(client, _)| client.is_ipv4())
                    .map(move |(client, seen)| (RouteQuery::to(client).with_source(vip), seen))
            })
            .collect()
    }

    /// Returns the source addresses with which answers to clients leave this node.
    fn answer_sources(&self, cluster: &Cluster, node: &DesiredState) -> BTreeSet<IpAddr> {
        let mut sources = BTreeSet::new();
        for (service, destination) in cluster.served_by(&node.name) {
            match destination.forwarding {
                Forwarding::Masquerade => sources.extend(cluster.real_ip(service, destination)),
                _ => sources.extend(service.vips()),
            }
        }
        if node.kind == NodeKind::Director && !self.is_standby() {
            let masquerading = cluster.services().iter().filter(|service| {
                let mut destinations = service.destinations.iter();
                destinations.any(|one| one.forwarding == Forwarding::Masquerade)
            });
            sources.extend(masquerading.flat_map(|service| service.vips()));
        }
        sources.retain(|source| self.carries(*source));
        sources
    }

    /// Returns clients whose answers have this source address, one of each network: on a director those of its
    /// connections, of which those that are not established come first, elsewhere those that wait for an answer of a
    /// service. (Others are answered by whichever way, as those of an administrator are.)
    fn clients_of(
        &self,
        cluster: &Cluster,
        source: IpAddr,
        peers: &BTreeSet<(SocketAddr, SocketAddr)>,
    ) -> Vec<IpAddr> {
        let (waiting, others): (Vec<_>, Vec<_>) = self
            .now()
            .into_iter()
            .flat_map(|reading| &reading.connections)
            .filter(|connection| connection.service.ip() == source && !connection.is_template())
            .partition(|connection| connection.state == "SYN_RECV");
        let connections = waiting
            .into_iter()
            .chain(others)
            .map(|connection| connection.client.ip());
        let peers = peers
            .iter()
            .filter(|(own, _)| own.ip() == source && cluster.serves_at(&self.node, own.port()))
            .map(|(_, client)| client.ip());
        let mut networks = BTreeSet::new();
        connections
            .chain(peers)
            .filter(|client| !self.carries(*client) && !cluster.has_address(*client))
            .filter(|client| networks.insert(around(*client)))
            .take(MOST_CLIENTS)
            .collect()
    }
}

/// Returns the network of an address that is most probably routed as a whole.
fn around(ip: IpAddr) -> Option<IpNet> {
    let length = if ip.is_ipv4() { 24 } else { 64 };
    IpNet::new(ip, length).ok().map(|network| network.trunc())
}

impl Cluster {
    /// Returns an address of clients for each part of the Internet that is on no network of the cluster.
    fn example_clients(&self) -> Vec<IpAddr> {
        EXAMPLES
            .iter()
            .filter_map(|candidates| {
                candidates.iter().copied().find(|ip| {
                    self.networks()
                        .all(|network| !is_wide(&network) || !network.contains(ip))
                })
            })
            .collect()
    }

    fn networks(&self) -> impl Iterator<Item = IpNet> {
        let directors = self.directors().iter().map(|director| &director.addresses);
        let servers = self.real_servers().iter().map(|server| &server.addresses);
        directors
            .chain(servers)
            .flatten()
            .map(|address| address.id.network)
    }

    /// Returns whether packets of a service arrive at a port of a node.
    fn serves_at(&self, node: &NodeName, port: u16) -> bool {
        self.served_by(node).any(|(service, destination)| {
            let sockets = service.sockets();
            let mut ports = sockets.iter().map(|socket| match destination.forwarding {
                Forwarding::Masquerade => destination.port.unwrap_or_else(|| socket.address.port()),
                _ => socket.address.port(),
            });
            ports.any(|arriving| arriving == 0 || arriving == port)
        })
    }

    /// Returns whether an address belongs to a node of the cluster.
    fn has_address(&self, ip: IpAddr) -> bool {
        self.networks().any(|network| network.addr() == ip)
    }

    /// Returns the addresses to which directors forward.
    fn real_ips(&self) -> BTreeSet<IpAddr> {
        self.services()
            .iter()
            .flat_map(|service| {
                service
                    .destinations
                    .iter()
                    .filter_map(move |destination| self.real_ip(service, destination))
            })
            .collect()
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;

    #[test]
    fn examples_are_on_no_network_of_the_cluster() {
        let text = r#"
            name = "web"
            forwarding = "nat"
            [director]
            addresses = [
              { interface = "eth0", address = "203.0.113.11/24" },
              { interface = "eth1", address = "192.168.1.11/24" },
            ]
            [[services]]
            address = "203.0.113.11:80"
            [[real-servers]]
            name = "rs1"
            addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
        "#;
        let cluster = Cluster::from_toml(text).unwrap();
        let found: Vec<_> = cluster
            .example_clients()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["198.51.100.7", "64.0.2.7", "2001:db8:ffff::7"]);
    }
}
