//! Which node of a cluster a host evidently is.
//!
//! The decision is pure: it is made by what [`HostIdentity`] holds, and only reading that touches the host.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use nix::unistd::gethostname;

use crate::cluster::state::StateDir;
use crate::cluster::{Cluster, NodeName, Record};
use crate::error::Result;
use crate::host::Host;
use crate::net::Address;

/// Holds what tells one host from another: its name, its addresses and its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostIdentity {
    /// The host name.
    pub name: String,
    /// The addresses of all interfaces.
    pub addresses: BTreeSet<IpAddr>,
    /// The records of the state directory.
    pub records: Vec<Record>,
}

impl HostIdentity {
    /// Reads the identity of this host.
    ///
    /// # Errors
    /// Those of [`StateDir::records`] and [`Net::addresses`](crate::net::Net::addresses).
    pub fn read(host: &mut Host, state: &StateDir) -> Result<Self> {
        Ok(Self {
            records: state.readable().0,
            ..Self::without_records(host)?
        })
    }

    /// Reads the identity of this host without the state directory, which others than root may not read.
    ///
    /// # Errors
    /// Those of [`Net::addresses`](crate::net::Net::addresses).
    pub fn without_records(host: &mut Host) -> Result<Self> {
        let addresses = host.net().addresses()?;
        Ok(Self {
            name: host_name(),
            addresses: addresses
                .iter()
                .map(|address| address.id.network.addr())
                .collect(),
            records: Vec::new(),
        })
    }
}

/// Returns the host name, for which `/proc` is not needed; empty if it is no text.
#[must_use]
pub fn host_name() -> String {
    gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}

/// Is a reason to believe that a host is a certain node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Evidence {
    /// The host has the node's name.
    HostName(String),
    /// The cluster was applied here for this node, and not removed since.
    Record,
    /// The host has an address that no other node of the cluster has.
    Address(IpAddr),
}

/// The kinds of evidence, the strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    HostName,
    Record,
    Address,
}

impl From<Evidence> for Kind {
    fn from(evidence: Evidence) -> Self {
        match evidence {
            Evidence::HostName(_) => Self::HostName,
            Evidence::Record => Self::Record,
            Evidence::Address(_) => Self::Address,
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostName(name) => write!(f, "its host name is {name}"),
            Self::Record => f.write_str("the cluster is applied here for it"),
            Self::Address(ip) => write!(f, "this host has its address {ip}"),
        }
    }
}

/// Is the node that a host evidently is, although it was taken for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherNode {
    /// The node.
    pub node: NodeName,
    /// At least one.
    pub evidence: Vec<Evidence>,
}

impl fmt::Display for OtherNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let evidence: Vec<_> = self.evidence.iter().map(ToString::to_string).collect();
        write!(
            f,
            "this host is evidently {}: {}",
            self.node,
            evidence.join(", ")
        )
    }
}

impl Cluster {
    /// Returns the node that a host evidently is, if it is not the one that it is taken for.
    ///
    /// That is so if there is evidence for another node and none for the claimed one. A host about which
    /// nothing is known may be any node.
    ///
    /// ```
    /// # #[cfg(feature = "toml")] {
    /// use lvs_core::Cluster;
    /// use lvs_core::cluster::HostIdentity;
    /// # let text = include_str!("../../../../examples/nat.toml");
    /// let cluster = Cluster::from_toml(text)?;
    /// let mut host = HostIdentity::default();
    /// host.name = "realserver1.example.org".to_owned();
    /// assert!(cluster.other_node("realserver1", &host).is_none());
    /// let other = cluster.other_node("director", &host).ok_or("no evidence")?;
    /// assert_eq!(other.node.as_str(), "realserver1");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn other_node(&self, claimed: &str, host: &HostIdentity) -> Option<OtherNode> {
        let is_claimed = |name: &&NodeName| **name == *claimed;
        let (claimed, others): (Vec<_>, Vec<_>) = self.node_names().partition(is_claimed);
        let evidence = |node: &NodeName| OtherNode {
            node: node.clone(),
            evidence: self.evidence(node, host),
        };
        let is_known = |other: &OtherNode| !other.evidence.is_empty();
        match claimed.into_iter().map(evidence).any(|own| is_known(&own)) {
            true => None,
            false => others.into_iter().map(evidence).find(is_known),
        }
    }

    /// Returns the node that a host evidently is: the one of its host name, else the one whose record is there, else
    /// the one whose address it has; `None` if there is none, or more than one.
    ///
    /// ```
    /// # #[cfg(feature = "toml")] {
    /// use lvs_core::Cluster;
    /// use lvs_core::cluster::HostIdentity;
    /// # let text = include_str!("../../../../examples/nat.toml");
    /// let cluster = Cluster::from_toml(text)?;
    /// let mut host = HostIdentity::default();
    /// host.addresses = ["192.168.1.12".parse()?].into();
    /// assert_eq!(cluster.evident_node(&host).map(|name| name.as_str()), Some("realserver1"));
    /// assert_eq!(cluster.evident_node(&HostIdentity::default()), None);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn evident_node(&self, host: &HostIdentity) -> Option<&NodeName> {
        // The kinds of evidence are in the order of their strength.
        let strongest = |name| self.evidence(name, host).into_iter().map(Kind::from).min();
        let best = self.node_names().filter_map(strongest).min()?;
        let mut evident = self
            .node_names()
            .filter(|name| strongest(name) == Some(best));
        match (evident.next(), evident.next()) {
            (only, None) => only,
            _ => None,
        }
    }

    fn evidence(&self, node: &NodeName, host: &HostIdentity) -> Vec<Evidence> {
        let label = host.name.split('.').next().unwrap_or_default();
        let is_named =
            !host.name.is_empty() && [host.name.as_str(), label].contains(&node.as_str());
        let is_recorded = host.records.iter().any(|record| {
            record.is_applied() && record.cluster() == self.name() && record.node() == node
        });
        let addresses = self.unique_addresses(node);
        let addresses = addresses.intersection(&host.addresses).copied();
        let name = is_named.then(|| Evidence::HostName(host.name.clone()));
        name.into_iter()
            .chain(is_recorded.then_some(Evidence::Record))
            .chain(addresses.map(Evidence::Address))
            .collect()
    }

    /// Returns the addresses that only this node of the cluster has; virtual and floating ones, which move
    /// from host to host, are none of them.
    pub(in crate::cluster) fn unique_addresses(&self, node: &NodeName) -> BTreeSet<IpAddr> {
        let virtual_ips = self.virtual_ips();
        let others: BTreeSet<_> = self
            .node_names()
            .filter(|name| *name != node)
            .flat_map(|name| self.addresses_of(name))
            .map(ip)
            .collect();
        let floats = |ip: &IpAddr| {
            self.directors()
                .iter()
                .any(|director| director.floating.contains(ip))
        };
        self.addresses_of(node)
            .map(ip)
            .filter(|ip| !virtual_ips.contains(ip) && !others.contains(ip) && !floats(ip))
            .collect()
    }

    /// Returns the addresses that the file gives a node.
    pub(in crate::cluster) fn addresses_of(
        &self,
        node: &NodeName,
    ) -> impl Iterator<Item = &Address> {
        let director = self.director(node.as_str());
        let server = self.real_server(node);
        let addresses = director.map(|director| &director.addresses).into_iter();
        addresses
            .chain(server.map(|server| &server.addresses))
            .flatten()
    }
}

fn ip(address: &Address) -> IpAddr {
    address.id.network.addr()
}

#[cfg(all(test, feature = "toml"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const NAT: &str = include_str!("../../../../examples/nat.toml");
    const TWO: &str = include_str!("../../../../examples/two_directors.toml");

    fn other(text: &str, claimed: &str, host: &HostIdentity) -> Option<String> {
        let cluster = Cluster::from_toml(text).unwrap();
        cluster
            .other_node(claimed, host)
            .map(|other| other.to_string())
    }

    fn with_addresses(addresses: &[&str]) -> HostIdentity {
        HostIdentity {
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..HostIdentity::default()
        }
    }

    #[test]
    fn a_host_without_evidence_may_be_any_node() {
        let host = with_addresses(&["10.0.0.1"]);
        for claimed in ["director", "realserver1"] {
            assert_eq!(other(NAT, claimed, &host), None);
        }
    }

    #[test]
    fn each_kind_of_evidence_tells() {
        let address = with_addresses(&["192.168.1.12"]);
        let named = HostIdentity {
            name: "realserver1.example.org".to_owned(),
            ..HostIdentity::default()
        };
        let mut record = Record::new("web".parse().unwrap(), "realserver1".parse().unwrap());
        record.applied = true;
        let recorded = HostIdentity {
            records: vec![record],
            ..HostIdentity::default()
        };
        for (host, why) in [
            (address, "this host has its address 192.168.1.12"),
            (named, "its host name is realserver1.example.org"),
            (recorded, "the cluster is applied here for it"),
        ] {
            let expected = format!("this host is evidently realserver1: {why}");
            assert_eq!(other(NAT, "director", &host), Some(expected));
            assert_eq!(other(NAT, "realserver1", &host), None);
        }
    }

    #[test]
    fn the_strongest_evidence_decides() {
        let cluster = Cluster::from_toml(NAT).unwrap();
        let node = |name: &str, addresses: &[&str]| {
            let host = HostIdentity {
                name: name.to_owned(),
                ..with_addresses(addresses)
            };
            cluster.evident_node(&host).map(ToString::to_string)
        };
        assert_eq!(node("elsewhere", &["10.0.0.1"]), None);
        assert_eq!(node("", &["192.168.1.12"]).as_deref(), Some("realserver1"));
        assert_eq!(
            node("director", &["192.168.1.12"]).as_deref(),
            Some("director")
        );
        assert_eq!(node("", &["192.168.1.12", "192.168.1.13"]), None);
    }

    #[test]
    fn what_moves_from_host_to_host_is_no_evidence() {
        let host = with_addresses(&["172.16.5.11", "192.168.1.11"]);
        for claimed in ["lb1", "lb2", "realserver1"] {
            assert_eq!(other(TWO, claimed, &host), None);
        }
        assert_eq!(
            other(NAT, "realserver1", &with_addresses(&["172.16.5.11"])),
            None
        );
    }

    #[test]
    fn evidence_for_the_claimed_node_counts_more() {
        let host = HostIdentity {
            name: "director".to_owned(),
            ..with_addresses(&["192.168.1.12"])
        };
        assert_eq!(other(NAT, "realserver1", &host), None);
        assert_eq!(other(NAT, "director", &host), None);
        assert!(other(NAT, "realserver2", &host).is_some());
    }

    #[test]
    fn a_record_of_a_node_that_left_the_file_is_no_evidence() {
        let mut record = Record::new("web".parse().unwrap(), "web1".parse().unwrap());
        record.applied = true;
        let host = HostIdentity {
            records: vec![record],
            ..HostIdentity::default()
        };
        assert_eq!(other(NAT, "realserver1", &host), None);
    }
}
