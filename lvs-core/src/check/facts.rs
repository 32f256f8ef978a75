//! The facts of one node: everything that rules judge, gathered before any of them runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::datagrams::DatagramsFact;
use super::effective::Effective;
use super::health::HealthFact;
use super::neighbour::NeighbourFact;
use super::path::PathFact;
use super::requests::RequestsFact;
use super::source::Source;
use crate::cluster::change::{Change, Object};
use crate::cluster::{ClusterName, Drain, Draining, NodeName, Observed, Role};
use crate::ipvs::{Connection, DestinationId, Family, Protocol, ServiceEntryStatus, ServiceId};
use crate::name::IfName;
use crate::net::{Address, Link, MacAddress, PolicyRule, Qdisc, Route};
use crate::sysctl::SysctlKey;

/// The facts of one node as data, which can be stored in a file and judged elsewhere.
///
/// What could not be read is empty or `None`, and rules that need it report no finding.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use lvs_core::Cluster;
/// use lvs_core::check::{self, Code, Facts, ListeningSocket};
/// use lvs_core::ipvs::Protocol;
/// use lvs_core::net::Link;
///
/// let cluster = Cluster::from_toml(r#"
///     name = "web"
///     forwarding = "nat"
///     [director]
///     addresses = [
///       { interface = "eth0", address = "172.16.5.11/16" },
///       { interface = "eth1", address = "192.168.1.11/24" },
///     ]
///     [[services]]
///     address = "172.16.5.11:80"
///     [[real-servers]]
///     name = "realserver1"
///     addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
/// "#)?;
/// // Usually they are gathered on the node: Facts::gather.
/// let mut facts = Facts::unknown("realserver1".parse()?);
/// facts.links.push(Link::new(1, "lo".parse()?));
/// facts.listeners.insert(ListeningSocket {
///     protocol: Protocol::TCP,
///     address: "127.0.0.1:80".parse()?,
/// });
/// let report = check::on_node(&cluster, &facts);
/// let deaf = report.findings().iter().find(|finding| finding.code == Code::NO_LISTENER);
/// let seen = "no program listens on tcp 192.168.1.12:80, only on 127.0.0.1:80";
/// assert_eq!(deaf.map(|finding| finding.seen.as_str()), Some(seen));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Facts {
    /// The name of the node, or of a host in front of the cluster.
    pub node: NodeName,
    /// The role that it is meant to have, of two directors.
    #[serde(default)]
    pub role: Option<Role>,
    /// The kernel's release: `6.1.176`.
    pub kernel: String,
    /// What is drained on the director's record; [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub drains: BTreeMap<Drain, Draining>,
    /// The services whose weights a controller sets, on the director's record, as [`add_record`](Self::add_record) reads
    /// it.
    #[serde(default)]
    pub services_by_health: BTreeSet<ServiceId>,
    /// The destinations that the controller of the cluster has deleted because they are down;
    /// [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub deleted_by_health: BTreeSet<(ServiceId, DestinationId)>,
    /// The virtual IPs that the controller has withdrawn; [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub withdrawn: BTreeSet<IpAddr>,
    /// The virtual IPs that the controller that ran last had withdrawn when it ended, if none runs;
    /// [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub left_withdrawn: BTreeSet<IpAddr>,
    /// Whether the cluster is on the node by its record; [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub applied: bool,
    /// Those of [`services_by_health`](Self::services_by_health) whose controller was killed;
    /// [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub abandoned: BTreeSet<ServiceId>,
    /// Whether a controller keeps the cluster on this director; [`add_record`](Self::add_record) finds out.
    #[serde(default)]
    pub is_controlled: Option<bool>,
    /// What the controller of the cluster knows of health, of services with checks; [`add_record`](Self::add_record)
    /// asks it.
    #[serde(default)]
    pub health: Vec<HealthFact>,
    /// What the node has by its record and the file does not name any more, as a plan deletes it;
    /// [`add_record`](Self::add_record) reads it.
    #[serde(default)]
    pub leftovers: Vec<String>,
    /// The sysctls that other clusters on the node need, by their records.
    #[serde(default)]
    pub other_sysctls: BTreeMap<ClusterName, BTreeMap<SysctlKey, String>>,
    /// How long the node has been up.
    pub uptime: Duration,
    /// The interfaces.
    pub links: Vec<Link>,
    /// The addresses in the kernel's order: on each interface the primary ones first.
    pub addresses: Vec<Address>,
    /// IPv6 addresses that failed duplicate address detection.
    pub duplicates: BTreeSet<IpAddr>,
    /// The unicast routes of the main table.
    pub routes: Vec<Route>,
    /// The rules of policy routing.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
    /// The routes that packets of the cluster would take.
    #[serde(default)]
    pub paths: Vec<PathFact>,
    /// The routes from a director's IPv4 virtual IPs to clients, which a strict rp_filter compares with the interface by
    /// which these come.
    #[serde(default)]
    pub reverse_paths: Vec<PathFact>,
    /// The neighbours to which those packets are sent.
    #[serde(default)]
    pub neighbours: Vec<NeighbourFact>,
    /// The sysctls of `net/ipv4/conf`, `net/ipv4/vs` and a few more, with the values that `/proc/sys` has.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// The loaded modules, without those built into the kernel.
    pub modules: BTreeSet<String>,
    /// The running programs that manage networks or IPVS.
    pub managers: BTreeSet<String>,
    /// The interfaces that a network manager configures by its own files, with its name.
    pub managed: BTreeMap<IfName, String>,
    /// The sockets on which programs listen.
    pub listeners: BTreeSet<ListeningSocket>,
    /// Whether ip_vs is loaded; `None` where `/proc` does not tell.
    pub ipvs_loaded: Option<bool>,
    /// Readings of IPVS: three or four with pauses between them, one where it was not read again, none on a node without
    /// IPVS.
    pub readings: Vec<IpvsReading>,
    /// What a plan compares with the desired state. Unlike the fields above it has neither addresses of loopback
    /// nor routes that the kernel derives from addresses, and only the sysctls that the plan can need.
    pub observed: Option<Observed>,
    /// The hosts that answer for the virtual IPs, if they were asked.
    pub arp: Vec<ArpAnswers>,
    /// The comparison of the clock, if it was made.
    pub clock: Option<ClockFact>,
    /// What clients asked services of the node for while it was watched: those of TCP.
    #[serde(default)]
    pub requests: Vec<RequestsFact>,
    /// The own and the other end of the TCP connections that no program accepted as long as the node was watched.
    #[serde(default)]
    pub unaccepted: BTreeSet<(SocketAddr, SocketAddr)>,
    /// The UDP sockets whose queue was not empty when the watch began, nor when it ended.
    #[serde(default)]
    pub undrained: BTreeSet<SocketAddr>,
    /// What clients sent to services of the node without a connection while it was watched.
    #[serde(default)]
    pub datagrams: Vec<DatagramsFact>,
    /// How many connections the kernel dropped meanwhile because a program did not accept those before them.
    #[serde(default)]
    pub overflows: u64,
    /// The queueing disciplines, with what they have counted meanwhile.
    #[serde(default)]
    pub qdiscs: Vec<Qdisc>,
    /// What was asked for and could not be read, with the reason.
    #[serde(default)]
    pub unread: BTreeMap<Source, String>,
}

/// A socket on which a program waits for connections or datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListeningSocket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address and port; the unspecified address is every address, and `[::]` every IPv4 address as well.
    pub address: SocketAddr,
}

/// The state of IPVS at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpvsReading {
    /// The time since the first reading.
    pub at: Duration,
    /// The services and their destinations.
    pub services: Vec<ServiceEntryStatus>,
    /// The connections, at most [`IpvsReading::MOST_CONNECTIONS`] of them.
    pub connections: Vec<Connection>,
}

impl IpvsReading {
    /// The number of connections beyond which a reading is cut off: fewer are enough for every rule.
    pub const MOST_CONNECTIONS: usize = 10_000;

    /// Returns the entry of a service.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceEntryStatus> {
        self.services
            .iter()
            .find(|entry| entry.status.service.id == *id)
    }
}

/// The hosts that answer for a virtual IP on a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArpAnswers {
    /// The interface by which they were asked.
    pub interface: IfName,
    /// The virtual IP.
    pub vip: IpAddr,
    /// The hosts that answered, the fastest first; this host itself is never among them.
    pub answers: Vec<MacAddress>,
    /// The director's hardware address on that link, if it is known.
    pub director: Option<MacAddress>,
    /// The hardware address of the second one of two directors, if it is known.
    #[serde(default)]
    pub partner: Option<MacAddress>,
}

/// The result of comparing the clock with the time server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ClockFact {
    /// How far this node's clock is behind (positive) or ahead of (negative) the server's, in microseconds.
    Offset(i64),
    /// There was no usable answer, for this reason.
    Silent(String),
}

impl Facts {
    /// Returns facts of a node of which no fact is known yet.
    #[must_use]
    pub const fn unknown(node: NodeName) -> Self {
        Self {
            node,
            role: None,
            drains: BTreeMap::new(),
            services_by_health: BTreeSet::new(),
            deleted_by_health: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            left_withdrawn: BTreeSet::new(),
            applied: false,
            abandoned: BTreeSet::new(),
            is_controlled: None,
            health: Vec::new(),
            leftovers: Vec::new(),
            other_sysctls: BTreeMap::new(),
            kernel: String::new(),
            uptime: Duration::ZERO,
            links: Vec::new(),
            addresses: Vec::new(),
            duplicates: BTreeSet::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            paths: Vec::new(),
            reverse_paths: Vec::new(),
            neighbours: Vec::new(),
            sysctls: BTreeMap::new(),
            modules: BTreeSet::new(),
            managers: BTreeSet::new(),
            managed: BTreeMap::new(),
            listeners: BTreeSet::new(),
            ipvs_loaded: None,
            readings: Vec::new(),
            observed: None,
            arp: Vec::new(),
            clock: None,
            requests: Vec::new(),
            unaccepted: BTreeSet::new(),
            undrained: BTreeSet::new(),
            datagrams: Vec::new(),
            overflows: 0,
            qdiscs: Vec::new(),
            unread: BTreeMap::new(),
        }
    }

    /// Returns the per-interface sysctls as the kernel combines them.
    #[must_use]
    pub const fn effective(&self) -> Effective<'_> {
        Effective::new(&self.sysctls)
    }

    /// Returns the value of a sysctl; `None` if it was not read or is no number.
    #[must_use]
    pub fn sysctl(&self, key: &SysctlKey) -> Option<i64> {
        self.sysctls.get(key)?.parse().ok()
    }

    /// Returns another cluster on the node that needs another value of a sysctl.
    pub(super) fn excluding(&self, key: &SysctlKey, value: &str) -> Option<&ClusterName> {
        let mut others = self.other_sysctls.iter();
        let differs = |needed: &String| needed != value;
        let found = others.find(|(_, sysctls)| sysctls.get(key).is_some_and(differs));
        found.map(|(cluster, _)| cluster)
    }

    /// Returns the value of a sysctl of IPVS by its name, `conntrack`; `None` if it was not read or is no number.
    #[must_use]
    pub fn ipvs_sysctl(&self, name: &str) -> Option<i64> {
        self.sysctl(&SysctlKey::ipvs(name).ok()?)
    }

    /// Returns the kernel's version up to its second number; `None` if it has none.
    #[must_use]
    pub fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.kernel.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// Returns the node's addresses that equal `ip`, with any prefix length.
    pub fn carrying(&self, ip: IpAddr) -> impl Iterator<Item = &Address> {
        self.addresses
            .iter()
            .filter(move |address| address.id.network.addr() == ip)
    }

    /// Returns whether the node has the address `ip`, with any prefix length.
    pub(super) fn carries(&self, ip: IpAddr) -> bool {
        self.carrying(ip).next().is_some()
    }

    /// Returns whether packets of clients could be watched: any was seen.
    pub(super) fn are_requests_seen(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Returns what clients sent to a socket of this node without a connection.
    pub(super) fn datagrams_at(&self, address: SocketAddr) -> Option<&DatagramsFact> {
        let mut datagrams = self.datagrams.iter();
        datagrams.find(|datagrams| datagrams.address == address)
    }

    /// Returns what clients asked a socket of this node for.
    pub(super) fn requests_at(&self, address: SocketAddr) -> Option<&RequestsFact> {
        self.requests
            .iter()
            .find(|requests| requests.address == address)
    }

    pub(super) fn link(&self, name: &IfName) -> Option<&Link> {
        self.links.iter().find(|link| link.name == *name)
    }

    /// Returns whether other hosts beyond an interface can ask for its addresses.
    pub(super) fn has_neighbours(&self, interface: &IfName) -> bool {
        let is_silent = self
            .link(interface)
            .and_then(|link| link.kind.as_deref())
            .is_some_and(|kind| {
                matches!(kind, "dummy" | "ipip" | "gre" | "sit" | "ip6tnl" | "ip6gre")
            });
        *interface != IfName::LO && !is_silent
    }

    /// Returns the default route of a family that the kernel uses: that of the lowest metric.
    pub(super) fn default_route(&self, family: Family) -> Option<&Route> {
        self.routes
            .iter()
            .filter(|route| {
                route.id.is_default() && Family::from(route.id.destination.addr()) == family
            })
            .min_by_key(|route| route.id.metric)
    }

    /// Returns whether what a change is about was read.
    pub(super) fn was_read(&self, change: &Change<Object>) -> bool {
        let is_unread = |source| self.unread.contains_key(&source);
        match change.newest() {
            Object::Sysctl(_) => !is_unread(Source::Sysctls),
            _ if change.is_ipvs() => !is_unread(Source::Net) && !is_unread(Source::Ipvs),
            _ => true,
        }
    }

    /// Returns whether it is the standby of two directors.
    #[must_use]
    pub fn is_standby(&self) -> bool {
        self.role == Some(Role::Standby)
    }

    /// Returns the last reading of IPVS.
    #[must_use]
    pub fn now(&self) -> Option<&IpvsReading> {
        self.readings.last()
    }

    /// Returns the first and the last reading, if there are at least two.
    #[must_use]
    pub fn two_readings(&self) -> Option<(&IpvsReading, &IpvsReading)> {
        match self.readings.as_slice() {
            [first, .., last] => Some((first, last)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_two_numbers() {
        let mut facts = Facts::unknown("director".parse().unwrap());
        assert_eq!(facts.kernel_version(), None);
        facts.kernel = "6.1.0-30-amd64".to_owned();
        assert_eq!(facts.kernel_version(), Some((6, 1)));
        facts.kernel = "7.2".to_owned();
        assert_eq!(facts.kernel_version(), Some((7, 2)));
    }

    #[test]
    fn facts_survive_a_file() {
        let mut facts = Facts::unknown("director".parse().unwrap());
        let key = SysctlKey::ipvs("conntrack").unwrap();
        facts.sysctls.insert(key, "1".to_owned());
        facts.managed.insert(IfName::LO, "networkd".to_owned());
        facts.readings = vec![IpvsReading::default(), IpvsReading::default()];
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
        assert_eq!(facts.ipvs_sysctl("conntrack"), Some(1));
        assert_eq!(facts.ipvs_sysctl("no such"), None);
    }
}
