//! What the model of a cluster does not say yet.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cluster::{Cluster, Director, NodeName, VirtualDestination};
use crate::ipvs::{Family, Forwarding, Weight};
use crate::name::IfName;
use crate::net::Address;

impl Cluster {
    /// Returns the families of the services that reach a node by certain forwarding methods.
    pub(crate) fn families_served_by(
        &self,
        name: &NodeName,
        is_wanted: fn(Forwarding) -> bool,
    ) -> BTreeSet<Family> {
        self.served_by(name)
            .filter(|(_, destination)| is_wanted(destination.forwarding))
            .map(|(service, _)| service.service.id.family())
            .collect()
    }

    /// Returns the director's interfaces on a network of a masqueraded real server, where its answers arrive.
    pub(crate) fn interfaces_facing_masqueraded<'a>(
        &self,
        director: &'a Director,
        family: Family,
    ) -> BTreeSet<&'a IfName> {
        let rips: Vec<IpAddr> = self
            .real_servers()
            .iter()
            .filter(|server| self.masqueraded(&server.name).contains(&family))
            .filter_map(|server| server.real_ip(family))
            .collect();
        director
            .addresses
            .iter()
            .filter(|address| rips.iter().any(|rip| address.id.network.contains(rip)))
            .map(|address| &address.id.interface)
            .collect()
    }

    /// Returns the weight of a destination, whether or not its real server is drained.
    pub(crate) fn weight(&self, destination: &VirtualDestination) -> Weight {
        destination.weight.unwrap_or_else(|| {
            self.real_server(&destination.real_server)
                .map_or_else(Weight::default, |server| server.weight)
        })
    }

    /// Returns whether the file drains a destination's real server, so that its weight is 0.
    pub(crate) fn is_drained(&self, destination: &VirtualDestination) -> bool {
        self.real_server(&destination.real_server)
            .is_some_and(|server| server.drain)
    }

    /// The largest packet of Ethernet, in bytes, and the largest that clients are assumed to send.
    pub(crate) const ETHERNET_MTU: u32 = 1500;

    /// Returns the number of bytes that encapsulation adds at most to packets of a family on their way to a
    /// node; `None` where no tunnel leads there.
    pub(crate) fn tunnel_overhead(&self, name: &NodeName, family: Family) -> Option<u32> {
        let header = match family {
            Family::Ipv4 => 20,
            Family::Ipv6 => 40,
        };
        Some(Self::ETHERNET_MTU.saturating_sub(self.segment(name, family)? + header + 20))
    }
}

impl Director {
    /// Returns the director's address with this IP, in the file's form with interface and prefix length.
    pub(crate) fn address(&self, ip: IpAddr) -> Option<&Address> {
        self.addresses
            .iter()
            .find(|address| address.id.network.addr() == ip)
    }
}
