//! Directors: the nodes that carry the virtual IPs and balance connections.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::gateway::Gateway;
use super::name::NodeName;
use crate::net::Address;

/// Describes the node that carries the virtual IPs and balances connections.
///
/// ```
/// use lvs_core::cluster::{Director, Gateway};
/// use lvs_core::net::Address;
/// let mut director = Director::new("director".parse()?);
/// director.addresses.push(Address::new("eth0".parse()?, "172.16.5.11/16".parse().unwrap()));
/// director.gateway = Some(Gateway::Near([172, 16, 0, 1].into()));
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[doc(alias("load balancer", "LVS router"))]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Director {
    /// The node's name, by custom its host name.
    pub name: NodeName,
    /// The node's addresses, virtual IPs among them, each with its interface. The library sets scope and
    /// protocol; `None` as label or broadcast means the default.
    pub addresses: Vec<Address>,
    /// The addresses that only the active one of two directors carries; a lone director has none.
    pub floating: BTreeSet<IpAddr>,
    /// The gateway of the default route; `None` leaves the default route as it is.
    pub gateway: Option<Gateway>,
    /// Whether it routes between interfaces. `None`: on where there is masquerading, otherwise left as it is.
    pub ip_forward: Option<bool>,
}

impl Director {
    /// Creates a director without addresses.
    #[must_use]
    pub const fn new(name: NodeName) -> Self {
        Self {
            name,
            addresses: Vec::new(),
            floating: BTreeSet::new(),
            gateway: None,
            ip_forward: None,
        }
    }

    /// Returns the director with one more address that only the active one of two directors carries.
    #[must_use]
    pub fn with_floating(mut self, address: Address) -> Self {
        self.floating.insert(address.id.network.addr());
        self.addresses.push(address);
        self
    }

    /// Returns whether only the active one of two directors carries this address.
    #[must_use]
    pub fn is_floating(&self, address: &Address) -> bool {
        self.floating.contains(&address.id.network.addr())
    }

    /// Returns the director's addresses by their IPs; of several with one IP the first.
    pub(crate) fn addresses_by_ip(&self) -> HashMap<IpAddr, &Address> {
        let mut found = HashMap::new();
        for address in &self.addresses {
            found.entry(address.id.network.addr()).or_insert(address);
        }
        found
    }

    /// Returns the director's address with this IP, in the file's form with interface and prefix length.
    pub(crate) fn address(&self, ip: IpAddr) -> Option<&Address> {
        self.addresses
            .iter()
            .find(|address| address.id.network.addr() == ip)
    }
}
