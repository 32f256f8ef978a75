//! The director as the gateway of masqueraded real servers (NAT): which of its addresses may be the gateway, and on
//! which interfaces answers arrive.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::cluster::Cluster;
use super::director::Director;
use super::gateway::Gateway;
use super::name::NodeName;
use super::real_server::RealServer;
use crate::ipvs::{Family, Forwarding};
use crate::name::IfName;

impl Cluster {
    /// Returns the families in which a node is masqueraded.
    pub(crate) fn masqueraded(&self, name: &NodeName) -> BTreeSet<Family> {
        self.families_served_by(name, |method| method == Forwarding::Masquerade)
    }

    /// Returns the addresses that may be the gateway of a masqueraded real server: the director's own (not
    /// virtual) addresses on the real server's networks; of two directors those that float. A lone director that
    /// has no other address there is reached by its virtual IP.
    pub(crate) fn gateways(&self, server: &RealServer, family: Family) -> Vec<IpAddr> {
        let vips = self.virtual_ips();
        let (carried, own): (BTreeSet<_>, BTreeSet<_>) = self
            .directors
            .iter()
            .flat_map(|director| {
                director
                    .addresses
                    .iter()
                    .filter(|address| !self.is_paired() || director.is_floating(address))
            })
            .map(|address| address.id.network.addr())
            .filter(|ip| Family::from(*ip) == family)
            .filter(|ip| {
                server
                    .addresses
                    .iter()
                    .any(|address| address.id.network.contains(ip))
            })
            .partition(|ip| vips.contains(ip));
        let is_last_resort =
            own.is_empty() && !self.is_paired() && self.is_only_masqueraded(server);
        match is_last_resort {
            true => carried.into_iter().collect(),
            false => own.into_iter().collect(),
        }
    }

    /// Returns whether a real server carries no virtual IP itself.
    fn is_only_masqueraded(&self, server: &RealServer) -> bool {
        self.served_by(&server.name)
            .all(|(_, destination)| destination.forwarding == Forwarding::Masquerade)
    }

    /// Returns the director's interfaces on a network of a masqueraded real server, where its answers arrive.
    pub(crate) fn interfaces_facing_masqueraded<'a>(
        &self,
        director: &'a Director,
        family: Family,
    ) -> BTreeSet<&'a IfName> {
        let rips: Vec<IpAddr> = self
            .real_servers
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

    /// Returns whether answers of masqueraded real servers leave a director by the interface by which they arrive: it
    /// has a virtual IP there, or its gateway is there. As a router it would tell real servers of the shorter way.
    pub(crate) fn is_one_armed(&self, director: &Director, interface: &IfName) -> bool {
        let gateway = director.gateway.as_ref();
        let mut networks = director
            .addresses
            .iter()
            .filter(|address| address.id.interface == *interface)
            .map(|address| address.id.network);
        gateway.and_then(Gateway::interface) == Some(interface)
            || networks.any(|network| {
                let router = gateway.and_then(Gateway::address);
                self.virtual_ips().contains(&network.addr())
                    || router.is_some_and(|router| network.contains(&router))
            })
    }
}
