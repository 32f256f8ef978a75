//! Real servers: the nodes that serve connections.

use std::net::IpAddr;

use super::gateway::Gateway;
use super::name::NodeName;
use crate::ipvs::{Family, Weight};
use crate::net::Address;

/// Describes a node that serves the connections which a director forwards to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RealServer {
    /// The node's name, by custom its host name.
    pub name: NodeName,
    /// The node's own addresses. The first of a service's family is its real IP (RIP) for that service.
    /// Virtual IPs are never among them: the services say where a virtual IP is needed.
    pub addresses: Vec<Address>,
    /// The gateway of the default route. `None`: with masquerading the director, where exactly one
    /// director address is on a network of this node; otherwise the default route stays as it is.
    pub gateway: Option<Gateway>,
    /// The weight of its destinations, unless a service sets another.
    pub weight: Weight,
    /// Whether it gets no new connections: weight 0 in every service, which precedes any weight set elsewhere.
    pub drain: bool,
}

impl RealServer {
    /// Creates a real server of weight 1 without addresses.
    #[must_use]
    pub const fn new(name: NodeName) -> Self {
        Self {
            name,
            addresses: Vec::new(),
            gateway: None,
            weight: Weight::ONE,
            drain: false,
        }
    }

    /// Returns the real server's address for services of a family: its first one of that family.
    #[doc(alias = "RIP")]
    #[must_use]
    pub fn real_ip(&self, family: Family) -> Option<IpAddr> {
        self.addresses
            .iter()
            .map(|address| address.id.network.addr())
            .find(|ip| Family::from(*ip) == family)
    }
}
