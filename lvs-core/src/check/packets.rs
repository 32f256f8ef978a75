//! The packets of a node whose routes are looked up: answers to clients, and those of a director to real servers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::facts::Facts;
use super::network::{around, is_wide};
use super::paper::bypasses;
use super::watch::Watch;
use crate::cluster::{Cluster, DesiredState, Match, NodeKind, NodeName, VirtualService};
use crate::ipvs::{ConnectionState, Forwarding, Protocol};
use crate::net::{Arrival, Peer, PolicyRule, RouteQuery};

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

/// Is a packet whose route is looked up.
pub(super) struct Packet {
    pub(super) query: RouteQuery,
    /// Whether a client was seen for whom it is.
    pub(super) seen: bool,
}

impl Packet {
    /// Is one to a client that was seen.
    const fn seen(query: RouteQuery) -> Self {
        Self { query, seen: true }
    }

    /// Is one for which no client was seen.
    const fn example(query: RouteQuery) -> Self {
        Self { query, seen: false }
    }
}

/// Tells which packets of a node are looked up.
pub(super) struct Packets<'a> {
    facts: &'a Facts,
    cluster: &'a Cluster,
    node: &'a DesiredState,
    /// The node's own addresses.
    own: HashSet<IpAddr>,
    /// The addresses of all nodes.
    of_nodes: HashSet<IpAddr>,
    examples: Vec<IpAddr>,
}

impl<'a> Packets<'a> {
    pub(super) fn new(facts: &'a Facts, cluster: &'a Cluster, node: &'a DesiredState) -> Self {
        let own = facts.addresses.iter();
        Self {
            facts,
            cluster,
            node,
            own: own.map(|address| address.id.network.addr()).collect(),
            of_nodes: cluster.networks().map(|network| network.addr()).collect(),
            examples: cluster.example_clients(),
        }
    }

    /// Returns the answers to clients, and the packets of a director to real servers.
    ///
    /// A node may have thousands of virtual IPs: of those that the rules of policy routing do not tell apart, the
    /// first one on an interface stands for all where no client was seen.
    pub(super) fn answers(&self, rules: &[PolicyRule], peers: &BTreeSet<Peer>) -> Vec<Packet> {
        let clients = self.clients(peers);
        let carriers: HashMap<_, _> = self
            .facts
            .addresses
            .iter()
            .map(|address| (address.id.network.addr(), &address.id.interface))
            .collect();
        let mut packets = Vec::new();
        let mut shown = HashSet::new();
        for source in self.answer_sources() {
            let is_family = |ip: &&IpAddr| ip.is_ipv4() == source.is_ipv4();
            let answer = |client: &IpAddr| RouteQuery::to(*client).with_source(source);
            let seen = clients.get(&source).into_iter().flatten();
            packets.extend(
                seen.filter(is_family)
                    .map(|client| Packet::seen(answer(client))),
            );
            let of_source: Vec<_> = rules
                .iter()
                .map(|rule| rule.from.is_some_and(|from| from.contains(&source)))
                .collect();
            if shown.insert((carriers.get(&source), source.is_ipv4(), of_source)) {
                let examples = self.examples.iter().filter(is_family);
                packets.extend(examples.map(|client| Packet::example(answer(client))));
            }
        }
        let to = |ip| Packet::example(RouteQuery::to(ip));
        packets.extend(self.own_addresses().into_iter().map(to));
        if self.node.kind == NodeKind::Director {
            let rips = self.cluster.real_ips().into_iter();
            packets.extend(rips.filter(|rip| !self.own.contains(rip)).map(to));
        }
        packets
    }

    /// Watches the packets of clients that reach services of this node, on any node but an active director, whose table
    /// has their connections.
    pub(super) fn watch(&self, watch: &mut Watch, pause: Duration) {
        let is_active = self.node.kind == NodeKind::Director && !self.facts.is_standby();
        let ports: BTreeSet<_> = self.cluster.arriving_at(&self.node.name).collect();
        if is_active || ports.is_empty() {
            return;
        }
        let sources = self.answer_sources();
        watch.wait(Instant::now() + pause, |arrival| {
            let mut arriving = [arrival.own.port(), 0].into_iter();
            sources.contains(&arrival.own.ip())
                && arriving.any(|port| ports.contains(&(arrival.protocol, port)))
        });
    }

    /// Returns packets from a director's IPv4 virtual IPs to clients, one virtual IP for each interface: by the way of
    /// these rp_filter expects the packets of the clients.
    pub(super) fn reverse(&self) -> Vec<Packet> {
        if self.node.kind != NodeKind::Director || self.facts.is_standby() {
            return Vec::new();
        }
        let clients = self.clients(&BTreeSet::new());
        let vips = self.cluster.virtual_ips();
        let mut carriers = BTreeSet::new();
        self.facts
            .addresses
            .iter()
            .map(|address| (&address.id.interface, address.id.network.addr()))
            .filter(|(_, vip)| vip.is_ipv4() && vips.contains(vip))
            .filter(|(carrier, _)| carriers.insert(*carrier))
            .flat_map(|(_, vip)| {
                let seen = clients.get(&vip).into_iter().flatten();
                let examples = self.examples.iter().map(|client| (client, false));
                seen.map(|client| (client, true))
                    .chain(examples)
                    .filter(|(client, _)| client.is_ipv4())
                    .map(move |(client, seen)| Packet {
                        query: RouteQuery::to(*client).with_source(vip),
                        seen,
                    })
            })
            .collect()
    }

    /// Returns the addresses of this node at which packets of clients arrive.
    fn own_addresses(&self) -> BTreeSet<IpAddr> {
        let is_active = self.node.kind == NodeKind::Director && !self.facts.is_standby();
        let carried = self
            .cluster
            .virtual_ips()
            .iter()
            .copied()
            .filter(|vip| is_active && self.own.contains(vip));
        self.answer_sources().into_iter().chain(carried).collect()
    }

    /// Returns the source addresses with which answers to clients leave this node.
    pub(super) fn answer_sources(&self) -> BTreeSet<IpAddr> {
        let mut sources = BTreeSet::new();
        for (service, destination) in self.cluster.served_by(&self.node.name) {
            match destination.forwarding {
                Forwarding::Masquerade => {
                    sources.extend(self.cluster.real_ip(service, destination));
                }
                _ => sources.extend(service.vips()),
            }
        }
        if self.node.kind == NodeKind::Director && !self.facts.is_standby() {
            let masquerading = self
                .cluster
                .services()
                .iter()
                .filter(|service| service.is_masqueraded());
            sources.extend(masquerading.flat_map(VirtualService::vips));
        }
        sources.retain(|source| self.own.contains(source));
        sources
    }

    /// Returns clients by the source address of their answers, one of each network: on a director those of its
    /// connections, of which those that are not established come first, elsewhere those that wait for an answer of a
    /// service, and after them those that were answered past the director, which shows that this way is right. (Others
    /// are answered by whichever way, as those of an administrator are.)
    fn clients(&self, peers: &BTreeSet<Peer>) -> HashMap<IpAddr, Vec<IpAddr>> {
        let connections = || {
            self.facts
                .now()
                .into_iter()
                .flat_map(|reading| &reading.connections)
                .filter(|connection| !connection.is_template())
        };
        let waiting =
            connections().filter(|connection| connection.state == ConnectionState::SynRecv);
        let others =
            connections().filter(|connection| connection.state != ConnectionState::SynRecv);
        let ports: BTreeSet<_> = self
            .cluster
            .arriving_at(&self.facts.node)
            .map(|(_, port)| port)
            .collect();
        let bypassing: BTreeSet<_> = self
            .cluster
            .served_by(&self.facts.node)
            .filter(|(_, destination)| bypasses(destination.forwarding))
            .flat_map(|(service, _)| service.vips())
            .collect();
        let peers = peers
            .iter()
            .filter(|peer| ports.contains(&peer.own.port()) || ports.contains(&0))
            .filter(|peer| !peer.is_served || bypassing.contains(&peer.own.ip()))
            .map(|peer| (peer.own.ip(), peer.client.ip()));
        let mut networks = HashSet::new();
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        waiting
            .chain(others)
            .map(|connection| (connection.service.ip(), connection.client.ip()))
            .chain(peers)
            .filter(|(_, client)| !self.own.contains(client) && !self.of_nodes.contains(client))
            .filter(|(source, client)| networks.insert((*source, around(*client))))
            .for_each(|(source, client)| {
                let clients = found.entry(source).or_default();
                if clients.len() < MOST_CLIENTS {
                    clients.push(client);
                }
            });
        found
    }
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

    /// Returns the ports of a node at which packets of services arrive; 0 is every port.
    fn arriving_at<'a>(&'a self, node: &'a NodeName) -> impl Iterator<Item = (Protocol, u16)> {
        self.served_by(node).flat_map(|(service, destination)| {
            service.sockets().into_iter().map(|socket| {
                let port = socket.address.port();
                match destination.forwarding {
                    Forwarding::Masquerade => (socket.protocol, destination.port.unwrap_or(port)),
                    _ => (socket.protocol, port),
                }
            })
        })
    }

    /// Returns whether a packet is for a service.
    pub(super) fn balances(&self, arrival: &Arrival) -> bool {
        let to = Match {
            protocol: arrival.protocol,
            address: arrival.own,
        };
        self.receiver(&to).is_some()
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
