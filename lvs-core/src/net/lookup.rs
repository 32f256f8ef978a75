//! Route look-ups: by which route, gateway and interface the kernel would send a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::name::IfName;

/// Describes the packet of a route look-up.
///
/// Without [`input`](Self::input) it is a packet of this host. With it, it is a packet that arrives by that
/// interface and is forwarded or delivered here: the answers of a real server, as the director receives them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteQuery {
    /// The address that the packet is sent to.
    pub destination: IpAddr,
    /// The packet's source address. A packet of this host must have an IPv4 source that the host carries.
    pub source: Option<IpAddr>,
    /// The firewall mark, which rules of policy routing can ask for; 0 is none.
    pub mark: u32,
    /// The interface by which the packet arrives; `None` for a packet of this host.
    pub input: Option<IfName>,
    /// The interface by which the packet has to leave.
    pub output: Option<IfName>,
}

impl RouteQuery {
    /// Returns the query for a packet of this host to an address.
    #[must_use]
    pub const fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            mark: 0,
            input: None,
            output: None,
        }
    }

    /// Returns the query for a packet with this source address.
    #[must_use]
    pub fn with_source(self, source: IpAddr) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }
}

/// `203.0.113.7 from 192.168.1.12 iif eth1 mark 0x1`
impl fmt::Display for RouteQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        if let Some(input) = &self.input {
            write!(f, " iif {input}")?;
        }
        if let Some(output) = &self.output {
            write!(f, " oif {output}")?;
        }
        match self.mark {
            0 => Ok(()),
            mark => write!(f, " mark {mark:#x}"),
        }
    }
}

/// Tells what becomes of the packet of a [`RouteQuery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// It is sent by the interface, to the gateway if there is one.
    Unicast,
    /// It is delivered on this host.
    Local,
    /// It is sent as a broadcast.
    Broadcast,
    /// It is sent as a multicast.
    Multicast,
    /// There is no route, or one of type `unreachable`; the sender is told.
    Unreachable,
    /// A route or rule of type `prohibit` refuses it.
    Prohibited,
    /// It is dropped without a word: by a route of type `blackhole`, or because the kernel does not accept
    /// such a source address here (one that this host does not carry, or that `rp_filter` refuses).
    Dropped,
}

impl Verdict {
    /// Returns whether the packet is not sent, and not delivered here either.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Unreachable | Self::Prohibited | Self::Dropped)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Multicast => "multicast",
            Self::Unreachable => "unreachable",
            Self::Prohibited => "prohibited",
            Self::Dropped => "dropped",
        })
    }
}

/// Describes how the kernel would route a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteDecision {
    /// What becomes of the packet; where it is not sent, the other fields are empty.
    pub verdict: Verdict,
    /// The next hop; none where the destination is directly connected.
    pub gateway: Option<IpAddr>,
    /// The interface by which the packet leaves; `lo` for one that is delivered here.
    pub interface: Option<IfName>,
    /// The source address that the kernel chooses for a packet of this host that has none yet.
    pub source: Option<IpAddr>,
    /// The routing table whose route won: 254 is the main table, 255 that of local addresses. `None` where
    /// no route did.
    pub table: Option<u32>,
}

impl RouteDecision {
    /// Returns the decision about a packet that is not sent.
    pub(super) const fn refused(verdict: Verdict) -> Self {
        Self {
            verdict,
            gateway: None,
            interface: None,
            source: None,
            table: None,
        }
    }
}
