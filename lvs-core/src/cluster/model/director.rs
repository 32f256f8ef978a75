//! The director: the machine that clients reach and that spreads their connections.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::NodeName;
use crate::net::Address;

/// The machine that carries the virtual IPs and balances.
///
/// ```
/// use lvs_core::cluster::Director;
/// use lvs_core::net::Address;
/// let mut director = Director::new("director".parse()?);
/// director.addresses.push(Address::new("eth0".parse()?, "172.16.5.11/16".parse().unwrap()));
/// director.gateway = Some([172, 16, 0, 1].into());
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[doc(alias("load balancer", "LVS router"))]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Director {
    /// By custom its host name.
    pub name: NodeName,
    /// Its addresses, virtual IPs among them, each with its interface. Scope and protocol are ours
    /// to set; `None` as label or broadcast means the default.
    pub addresses: Vec<Address>,
    /// Those of its addresses that only the active one of two directors carries; of one director none.
    pub floating: BTreeSet<IpAddr>,
    /// The default route's gateway; `None` leaves the default route as it is.
    pub gateway: Option<IpAddr>,
    /// Routing between interfaces. `None`: on where there is masquerading, otherwise left as it is.
    pub ip_forward: Option<bool>,
}

impl Director {
    /// A director without addresses.
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

    /// The same with one more address that only the active one of two directors carries.
    #[must_use]
    pub fn with_floating(mut self, address: Address) -> Self {
        self.floating.insert(address.id.network.addr());
        self.addresses.push(address);
        self
    }

    /// Whether only the active one of two directors carries this address.
    #[must_use]
    pub fn is_floating(&self, address: &Address) -> bool {
        self.floating.contains(&address.id.network.addr())
    }
}
