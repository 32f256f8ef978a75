//! Gateways: how a node reaches the router of its default route.

use std::fmt;
use std::net::IpAddr;

use crate::ipvs::Family;
use crate::name::IfName;

/// Says by which router a node's default route leads.
///
/// ```
/// use lvs_core::cluster::Gateway;
/// let router: Gateway = "192.168.1.254".parse::<std::net::IpAddr>()?.into();
/// let rented = Gateway::On {
///     address: "172.31.1.1".parse()?,
///     interface: "eth0".parse()?,
///     on_link: true,
/// };
/// assert_eq!(rented.to_string(), "via 172.31.1.1 dev eth0 onlink");
/// assert_ne!(router.address(), rented.address());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gateway {
    /// A neighbour on the network of one of the node's addresses, which tells the interface.
    Near(IpAddr),
    /// A neighbour on an interface.
    On {
        /// The router's address, for IPv6 perhaps its link-local one.
        address: IpAddr,
        /// The interface of the link that both are on.
        interface: IfName,
        /// Whether it is on the link although it is on no network of the node.
        on_link: bool,
    },
    /// The other end of a point-to-point link, which needs no address: a dialled line, a tunnel.
    Through(IfName),
}

impl Gateway {
    /// Returns the router's address, where the file names one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Near(address) | Self::On { address, .. } => Some(*address),
            Self::Through(_) => None,
        }
    }

    /// Returns whether packets of a family can be sent to it: those of its address, if it has one.
    #[must_use]
    pub fn is_of(&self, family: Family) -> bool {
        self.address().is_none_or(|ip| family == ip.into())
    }

    /// Returns the interface, where the file names one.
    #[must_use]
    pub const fn interface(&self) -> Option<&IfName> {
        match self {
            Self::Near(_) => None,
            Self::On { interface, .. } | Self::Through(interface) => Some(interface),
        }
    }

    /// Returns whether it is on the link although it is on no network of the node.
    #[must_use]
    pub const fn is_on_link(&self) -> bool {
        matches!(self, Self::On { on_link: true, .. })
    }

    /// Returns whether it is an address that means a neighbour only together with an interface.
    #[must_use]
    pub const fn is_link_local(&self) -> bool {
        matches!(self.address(), Some(IpAddr::V6(ip)) if ip.is_unicast_link_local())
    }
}

impl From<IpAddr> for Gateway {
    fn from(address: IpAddr) -> Self {
        Self::Near(address)
    }
}

/// In the words of `ip`: `via 172.31.1.1 dev eth0 onlink`.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Near(address) => write!(f, "via {address}"),
            Self::On {
                address,
                interface,
                on_link,
            } => {
                let on_link = if *on_link { " onlink" } else { "" };
                write!(f, "via {address} dev {}{on_link}", interface.quoted())
            }
            Self::Through(interface) => write!(f, "dev {}", interface.quoted()),
        }
    }
}
