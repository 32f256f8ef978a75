//! Questions about the cluster file that several rules ask.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::cluster::{Cluster, Match, NodeName, RealServer, VirtualDestination, VirtualService};
use crate::ipvs::{Forwarding, ServiceId, Weight};

/// Returns whether answers go straight to the client, past the director.
pub(super) const fn bypasses(method: Forwarding) -> bool {
    matches!(method, Forwarding::DirectRouting | Forwarding::Tunnel(_))
}

impl Cluster {
    /// Returns the virtual IPs that a node must carry because packets arrive with them as destination address.
    ///
    /// These are those of a real server; and each of two directors may be a real server of the other one.
    pub(super) fn carried_vips(&self, name: &NodeName) -> BTreeSet<IpAddr> {
        if self.real_server(name).is_none() && !self.is_paired() {
            return BTreeSet::new();
        }
        self.served_by(name)
            .filter(|(_, destination)| bypasses(destination.forwarding))
            .flat_map(|(service, _)| service.vips())
            .collect()
    }

    /// Returns whether an address is a director's.
    pub(super) fn is_of_director(&self, ip: IpAddr) -> bool {
        self.directors_with(ip).next().is_some()
    }

    /// Returns the real servers that a service masquerades.
    pub(super) fn masqueraded_servers<'a>(
        &'a self,
        service: &'a VirtualService,
    ) -> impl Iterator<Item = &'a RealServer> {
        service
            .destinations
            .iter()
            .filter(|destination| destination.forwarding == Forwarding::Masquerade)
            .filter_map(|destination| self.real_server(&destination.real_server))
    }

    /// Returns whether a destination gets no new connections: its weight is 0, or its real server is drained.
    pub(super) fn is_excluded(&self, destination: &VirtualDestination) -> bool {
        self.is_drained(destination) || self.weight(destination) == Weight::DRAIN
    }

    /// Returns the service that receives what clients send to a socket.
    ///
    /// A mark comes before an address, and of several rules that mark the last one counts; an address with its
    /// port comes before one of every port.
    pub(super) fn receiver(&self, to: &Match) -> Option<&VirtualService> {
        let rank = |service: &VirtualService, port: u16| match service.service.id {
            ServiceId::Fwmark { .. } => 2,
            ServiceId::Socket { .. } => u8::from(port != 0),
        };
        [0, to.address.port()]
            .into_iter()
            .flat_map(|port| {
                let address = SocketAddr::new(to.address.ip(), port);
                let services = self.services_at(Match { address, ..*to });
                services.map(move |(place, service)| (rank(service, port), place, service))
            })
            .max_by_key(|(rank, place, _)| (*rank, *place))
            .map(|(.., service)| service)
    }

    /// Returns the node of a destination's address.
    pub(super) fn node_of<'a>(
        &self,
        service: &'a VirtualService,
        rip: IpAddr,
    ) -> Option<&'a NodeName> {
        service
            .destinations
            .iter()
            .find(|destination| self.real_ip(service, destination) == Some(rip))
            .map(|destination| &destination.real_server)
    }
}
