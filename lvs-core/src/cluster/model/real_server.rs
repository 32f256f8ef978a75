//! The machines that do the work.

use std::net::IpAddr;

use super::NodeName;
use crate::ipvs::{Family, Weight};
use crate::net::Address;

/// A machine that serves what clients ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RealServer {
    /// By custom its host name.
    pub name: NodeName,
    /// Its addresses. The first of a service's family is its real IP (RIP) for that service.
    /// A virtual IP is never among them: where it is needed follows from the service.
    pub addresses: Vec<Address>,
    /// The default route's gateway. `None`: with masquerading the director, where exactly one
    /// director address is on a network of this machine; otherwise the default route is left as it is.
    pub gateway: Option<IpAddr>,
    /// Its share, unless a service says otherwise.
    pub weight: Weight,
    /// No new connections: weight 0 in every service, whatever is said elsewhere.
    pub drain: bool,
}

impl RealServer {
    /// A real server of weight 1 without addresses.
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

    /// Its address for services of a family: the first one it has.
    #[doc(alias = "RIP")]
    #[must_use]
    pub fn real_ip(&self, family: Family) -> Option<IpAddr> {
        first_of(&self.addresses, family)
    }
}

pub(in crate::cluster) fn first_of(addresses: &[Address], family: Family) -> Option<IpAddr> {
    addresses
        .iter()
        .map(|address| address.id.network.addr())
        .find(|ip| Family::from(*ip) == family)
}
