//! Unicast routes.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{RawAttribute, Scope};
use crate::name::IfName;

/// Identifies a route: the destination, the metric, and what else tells two routes of a kernel apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteId {
    /// The destination network; `0.0.0.0/0` or `::/0` is the default route.
    pub destination: IpNet,
    /// The kernel's priority: the lowest wins. A route that was added without one has 0 (the kernel's 0 for
    /// IPv4 and its 1024 for IPv6, so that both families read alike).
    pub metric: u32,
    /// The type of service of the packets that it is for, IPv4 only; 0 is any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tos: u8,
    /// The table, 254 for the main table.
    #[serde(default = "main_table", skip_serializing_if = "is_main_table")]
    pub table: u32,
    /// The network of the source addresses that it is for, IPv6 only; `None` is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpNet>,
}

const fn main_table() -> u32 {
    RouteId::MAIN
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_main_table(table: &u32) -> bool {
    *table == RouteId::MAIN
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(value: &u8) -> bool {
    *value == 0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl RouteId {
    /// The metric that the kernel gives an IPv6 route which is added without one.
    pub const IPV6_METRIC: u32 = 1024;
    /// The number of the main table.
    pub const MAIN: u32 = 254;
    /// The number of the table of the host's own addresses, which the kernel fills by itself.
    pub const LOCAL: u32 = 255;

    /// Returns the identity of a route of the main table with metric 0 for all packets to a destination.
    #[must_use]
    pub const fn new(destination: IpNet) -> Self {
        Self {
            destination,
            metric: 0,
            tos: 0,
            table: Self::MAIN,
            from: None,
        }
    }

    /// Returns whether this is a default route of the main table, for packets of all sources and types of
    /// service.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.is_general() && self.destination.prefix_len() == 0
    }

    /// Returns whether the main table has it for packets of all sources and types of service.
    const fn is_general(&self) -> bool {
        self.table == Self::MAIN && self.tos == 0 && self.from.is_none()
    }

    /// Returns the identity with the network's address as destination: the kernel keeps no host bits.
    #[must_use]
    pub fn trunc(self) -> Self {
        Self {
            destination: self.destination.trunc(),
            ..self
        }
    }
}

/// Writes the default route of IPv4 as `default`, and that of IPv6 as `::/0`.
impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.destination.prefix_len() == 0 && self.destination.addr().is_ipv4() {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.destination)?;
        }
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        if self.table != Self::MAIN {
            write!(f, " table {}", self.table)?;
        }
        if self.metric == 0 {
            Ok(())
        } else {
            write!(f, " metric {}", self.metric)
        }
    }
}

/// Describes a unicast route, whole: what the kernel reports of it and takes when it is added again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// What tells it from other routes.
    pub id: RouteId,
    /// The next hop; none for a directly connected destination.
    pub gateway: Option<IpAddr>,
    /// The interface that packets leave by; when adding, `None` lets the kernel find it by the gateway.
    pub interface: Option<IfName>,
    /// The source address for packets of this host.
    pub source: Option<IpAddr>,
    /// How far the destination is. IPv4 only: to the kernel every IPv6 route is [`Scope::GLOBAL`].
    pub scope: Scope,
    /// What added it: 2 the kernel, 3 the boot, 4 an operator, 9 a router advertisement, 76 lvs-core.
    pub protocol: u8,
    /// The largest TCP segment in bytes that this host asks its peers on this route for; `None` lets it follow
    /// from the interface's MTU.
    #[doc(alias = "MSS")]
    #[serde(default)]
    pub advmss: Option<u32>,
    /// Whether the gateway is a neighbour on the interface although no network of an address contains it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub on_link: bool,
    /// Everything else.
    #[serde(default, skip_serializing_if = "RouteDetails::is_empty")]
    pub details: RouteDetails,
}

/// Holds what few routes have.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RouteDetails {
    /// The next hops of a multipath route, which has no gateway and interface of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next_hops: Vec<NextHop>,
    /// The nexthop object (`ip nexthop`) that the route uses; it decides gateway and interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nexthop_id: Option<u32>,
    /// The router preference, IPv6 only (RFC 4191): 0 is medium, 1 high, 3 low.
    #[serde(skip_serializing_if = "is_zero")]
    pub preference: u8,
    /// The seconds until the kernel deletes it, IPv6 only; `None` is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u32>,
    /// The metrics other than `advmss` (`RTAX_*`): `mtu`, `initcwnd`, `window`, `quickack` and others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<RawAttribute>,
    /// All other attributes (`RTA_*`): the realm, an encapsulation and others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<RawAttribute>,
}

impl RouteDetails {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Describes one of the next hops of a multipath route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NextHop {
    /// The interface that packets leave by.
    pub interface: Option<IfName>,
    /// The gateway; none for a directly connected destination.
    pub gateway: Option<IpAddr>,
    /// The share of the flows, 1 to 256.
    pub weight: u16,
    /// Whether the gateway is a neighbour although no network of an address contains it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub on_link: bool,
    /// All other attributes (`RTA_*`): the realm, an encapsulation and others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<RawAttribute>,
}

impl Route {
    /// The protocol number of routes that router advertisements make.
    const ADVERTISED: u8 = 9;

    /// Returns a route by a gateway, with metric 0.
    #[must_use]
    pub const fn via(destination: IpNet, gateway: IpAddr) -> Self {
        let mut route = Self::to(RouteId::new(destination));
        route.gateway = Some(gateway);
        route
    }

    /// Returns a route without gateway and interface.
    #[must_use]
    pub const fn to(id: RouteId) -> Self {
        Self {
            id,
            gateway: None,
            interface: None,
            source: None,
            scope: Scope::GLOBAL,
            protocol: 0,
            advmss: None,
            on_link: false,
            details: RouteDetails {
                next_hops: Vec::new(),
                nexthop_id: None,
                preference: 0,
                expires: None,
                metrics: Vec::new(),
                attributes: Vec::new(),
            },
        }
    }

    /// Returns whether adding it again makes the same route.
    ///
    /// That of a router advertisement would no longer follow the router: netlink cannot set the kernel's mark
    /// (`RTF_ADDRCONF`), so that the next advertisement would add another route beside it.
    #[must_use]
    pub fn can_be_restored(&self) -> bool {
        !(self.id.destination.addr().is_ipv6() && self.protocol == Self::ADVERTISED)
    }

    /// Returns the interfaces that packets may leave by.
    pub fn interfaces(&self) -> impl Iterator<Item = &IfName> {
        let hops = self.details.next_hops.iter();
        self.interface
            .iter()
            .chain(hops.filter_map(|hop| hop.interface.as_ref()))
    }

    /// Returns the place of the route among those to the same destination: the lowest wins. Equal metrics are
    /// decided by the router preference, high before medium before low.
    #[must_use]
    pub fn rank(&self) -> (u32, u8) {
        let preference = match self.details.preference {
            1 => 0,
            3 => 2,
            _ => 1,
        };
        (self.priority(), preference)
    }

    /// Returns the metric as the kernel has it: that of an IPv6 route which was added without one is 1024.
    #[must_use]
    pub fn priority(&self) -> u32 {
        match self.id.metric {
            0 if self.id.destination.addr().is_ipv6() => RouteId::IPV6_METRIC,
            metric => metric,
        }
    }

    /// Returns the gateways that must be on the network of an address: those that are neither on-link nor
    /// link-local, nor decided by a nexthop object.
    pub fn neighbours(&self) -> impl Iterator<Item = &IpAddr> {
        let own = self.gateway.iter().filter(|_| !self.on_link);
        let hops = self.details.next_hops.iter();
        let hops = hops.filter_map(|hop| hop.gateway.as_ref().filter(|_| !hop.on_link));
        own.chain(hops)
            .filter(|_| self.details.nexthop_id.is_none())
            .filter(|gateway| match gateway {
                IpAddr::V4(_) => true,
                IpAddr::V6(gateway) => !gateway.is_unicast_link_local(),
            })
    }

    /// Returns the route without the time that is left to it: two readings of one route agree in this.
    #[must_use]
    pub fn timeless(mut self) -> Self {
        self.details.expires = self.details.expires.map(|_| 0);
        self
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(gateway) = &self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(interface) = &self.interface {
            write!(f, " dev {interface}")?;
        }
        for hop in &self.details.next_hops {
            f.write_str(" nexthop")?;
            if let Some(gateway) = &hop.gateway {
                write!(f, " via {gateway}")?;
            }
            if let Some(interface) = &hop.interface {
                write!(f, " dev {interface}")?;
            }
        }
        Ok(())
    }
}
