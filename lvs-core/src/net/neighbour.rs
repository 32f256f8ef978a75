//! Neighbours: the hosts on a link, with the hardware addresses to which the kernel sends their packets.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::link::MacAddress;
use crate::name::IfName;

/// Describes an entry of the neighbour table: of ARP for IPv4, of neighbour discovery for IPv6.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Neighbour {
    /// The link.
    pub interface: IfName,
    /// The neighbour's address.
    pub address: IpAddr,
    /// The hardware address to which packets for it are sent, where one is known.
    pub mac: Option<MacAddress>,
    /// How sure the kernel is of it.
    pub state: NeighbourState,
}

/// The state of a [`Neighbour`] (`NUD_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NeighbourState {
    /// It is asked for its hardware address, and has not answered yet.
    Incomplete,
    /// It answered lately.
    Reachable,
    /// It answered some time ago; it is asked again when a packet is sent to it.
    Stale,
    /// A packet was sent to it, and a sign of life is awaited.
    Delay,
    /// It is asked again, and has not answered yet.
    Probe,
    /// It did not answer; packets to it are dropped.
    Failed,
    /// The link has no hardware addresses.
    #[serde(rename = "noarp")]
    NoArp,
    /// The entry was made by hand, and the kernel never asks.
    Permanent,
}

impl NeighbourState {
    /// Returns whether packets to the neighbour wait or are dropped, because it has not answered.
    #[must_use]
    pub const fn is_unanswered(self) -> bool {
        matches!(self, Self::Incomplete | Self::Failed)
    }
}

/// Writes it as `ip neighbour` does: `FAILED`.
impl fmt::Display for NeighbourState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Incomplete => "INCOMPLETE",
            Self::Reachable => "REACHABLE",
            Self::Stale => "STALE",
            Self::Delay => "DELAY",
            Self::Probe => "PROBE",
            Self::Failed => "FAILED",
            Self::NoArp => "NOARP",
            Self::Permanent => "PERMANENT",
        })
    }
}

/// `192.168.1.12 dev eth1 lladdr 02:00:00:00:00:01 STALE`
impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.address, self.interface)?;
        if let Some(mac) = self.mac {
            write!(f, " lladdr {mac}")?;
        }
        write!(f, " {}", self.state)
    }
}
