//! Unicast routes of the main table.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Scope;
use crate::name::IfName;

/// Identifies a route in the kernel's main table: the destination and the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteId {
    /// The destination network; `0.0.0.0/0` or `::/0` is the default route.
    pub destination: IpNet,
    /// The kernel's priority: the lowest wins. A route that was added without one has 0 (the kernel's 0 for
    /// IPv4 and its 1024 for IPv6, so that both families read alike).
    pub metric: u32,
}

impl RouteId {
    /// Returns whether this is the default route.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.destination.prefix_len() == 0
    }
}

/// Writes the default route of IPv4 as `default`, and that of IPv6 as `::/0`.
impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_default() && self.destination.addr().is_ipv4() {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.destination)?;
        }
        if self.metric == 0 {
            Ok(())
        } else {
            write!(f, " metric {}", self.metric)
        }
    }
}

/// Describes a unicast route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The destination and the metric.
    pub id: RouteId,
    /// The next hop; none for a directly connected destination.
    pub gateway: Option<IpAddr>,
    /// The interface that packets leave by; when adding, `None` lets the kernel find it by the gateway.
    pub interface: Option<IfName>,
    /// The source address for packets of this host.
    pub source: Option<IpAddr>,
    /// How far the destination is. IPv4 only: to the kernel every IPv6 route is [`Scope::GLOBAL`].
    pub scope: Scope,
    /// What added it: 2 the kernel, 3 the boot, 4 an operator, 76 lvs-core.
    pub protocol: u8,
    /// The largest TCP segment in bytes that this host asks its peers on this route for; `None` lets it follow
    /// from the interface's MTU.
    #[doc(alias = "MSS")]
    #[serde(default)]
    pub advmss: Option<u32>,
}

impl Route {
    /// Returns a route by a gateway, with metric 0.
    #[must_use]
    pub const fn via(destination: IpNet, gateway: IpAddr) -> Self {
        Self {
            id: RouteId {
                destination,
                metric: 0,
            },
            gateway: Some(gateway),
            interface: None,
            source: None,
            scope: Scope::GLOBAL,
            protocol: 0,
            advmss: None,
        }
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
        Ok(())
    }
}
