//! What one machine looks like: everything that rules look at, gathered before any of them runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::effective::Effective;
use crate::cluster::{NodeName, Observed, Role};
use crate::ipvs::{Connection, Family, Protocol, ServiceEntryStatus, ServiceId};
use crate::name::IfName;
use crate::net::{Address, Link, MacAddress, Route};
use crate::sysctl::SysctlKey;

/// The facts of one machine, as data: they can be kept in a file and judged elsewhere.
///
/// Whatever could not be read is empty or `None`, and rules that need it are silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Facts {
    /// Which machine of the cluster it is.
    pub node: NodeName,
    /// Of two directors: which one it is meant to be.
    #[serde(default)]
    pub role: Option<Role>,
    /// The kernel's release: `6.1.176`.
    pub kernel: String,
    /// How long the machine has been up.
    pub uptime: Duration,
    /// The interfaces.
    pub links: Vec<Link>,
    /// The addresses in the kernel's order: on each interface the primary ones first.
    pub addresses: Vec<Address>,
    /// IPv6 addresses that failed duplicate address detection.
    pub duplicates: BTreeSet<IpAddr>,
    /// The unicast routes of the main table.
    pub routes: Vec<Route>,
    /// `net/ipv4/conf`, `net/ipv4/vs` and a few more, as they are written there.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// The loaded modules; those built into the kernel are not among them.
    pub modules: BTreeSet<String>,
    /// Programs that run and that manage networks or IPVS.
    pub managers: BTreeSet<String>,
    /// Interfaces that a network manager holds to its own files, and its name.
    pub managed: BTreeMap<IfName, String>,
    /// The ports on which something listens.
    pub listeners: BTreeSet<ListeningSocket>,
    /// Whether ip_vs is loaded; `None` where `/proc` does not tell.
    pub ipvs_loaded: Option<bool>,
    /// IPVS, three times with pauses between; empty on a machine without it, one where it was not read
    /// again.
    pub readings: Vec<IpvsReading>,
    /// What a plan looks at.
    pub observed: Option<Observed>,
    /// Who answers for the virtual IPs, if that was asked.
    pub arp: Vec<ArpAnswers>,
    /// The clock, if it was compared.
    pub clock: Option<ClockFact>,
}

/// A socket that waits for connections or datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListeningSocket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where; the unspecified address is every address, and `[::]` every IPv4 address besides.
    pub address: SocketAddr,
}

/// IPVS at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpvsReading {
    /// When: the time since the first reading.
    pub at: Duration,
    /// The services and their destinations.
    pub services: Vec<ServiceEntryStatus>,
    /// The connections, at most [`IpvsReading::MOST_CONNECTIONS`] of them.
    pub connections: Vec<Connection>,
}

impl IpvsReading {
    /// More connections are not kept: what a rule looks for shows in fewer.
    pub const MOST_CONNECTIONS: usize = 10_000;

    /// Returns the entry of a service.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceEntryStatus> {
        self.services
            .iter()
            .find(|entry| entry.status.service.id == *id)
    }
}

/// Who answers for a virtual IP on a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArpAnswers {
    /// Where it was asked.
    pub interface: IfName,
    /// The virtual IP.
    pub vip: IpAddr,
    /// Everybody who answered, the fastest first; this machine itself is never among them.
    pub answers: Vec<MacAddress>,
    /// The director's hardware address on that link, if it is known.
    pub director: Option<MacAddress>,
    /// That of the second one of two directors.
    #[serde(default)]
    pub partner: Option<MacAddress>,
}

/// What comparing the clock with the time server gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockFact {
    /// How far this machine's clock is behind (positive) or ahead of (negative) the server's, in
    /// microseconds.
    Offset(i64),
    /// No usable answer, and why.
    Silent(String),
}

impl Facts {
    /// Facts of a machine of which nothing is known yet.
    #[must_use]
    pub const fn unknown(node: NodeName) -> Self {
        Self {
            node,
            role: None,
            kernel: String::new(),
            uptime: Duration::ZERO,
            links: Vec::new(),
            addresses: Vec::new(),
            duplicates: BTreeSet::new(),
            routes: Vec::new(),
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
        }
    }

    /// The switches of networking as the kernel combines them.
    #[must_use]
    pub const fn effective(&self) -> Effective<'_> {
        Effective::new(&self.sysctls)
    }

    /// Returns the value of a sysctl; `None` if it was not read or is no number.
    #[must_use]
    pub fn sysctl(&self, key: &SysctlKey) -> Option<i64> {
        self.sysctls.get(key)?.parse().ok()
    }

    /// Returns the value of a sysctl of IPVS by its name, `conntrack`; `None` if it was not read or is no number.
    #[must_use]
    pub fn ipvs_sysctl(&self, name: &str) -> Option<i64> {
        self.sysctl(&SysctlKey::ipvs(name).ok()?)
    }

    /// The kernel's version up to its second number; `None` if it has none.
    #[must_use]
    pub fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.kernel.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// The addresses of the machine that equal `ip`, whatever their prefix.
    pub fn carrying(&self, ip: IpAddr) -> impl Iterator<Item = &Address> {
        let addresses = self.addresses.iter();
        addresses.filter(move |address| address.id.network.addr() == ip)
    }

    /// Returns whether the host has the address `ip`, with whichever prefix.
    pub(super) fn carries(&self, ip: IpAddr) -> bool {
        self.carrying(ip).next().is_some()
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

    /// Whether it is that one of two directors that only waits.
    #[must_use]
    pub fn is_standby(&self) -> bool {
        self.role == Some(Role::Standby)
    }

    /// The last reading of IPVS.
    #[must_use]
    pub fn now(&self) -> Option<&IpvsReading> {
        self.readings.last()
    }

    /// The first and the last reading, if there are two.
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
