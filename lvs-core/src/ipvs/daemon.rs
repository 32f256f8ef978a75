//! The daemon that synchronises connections between directors.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::name::IfName;

/// Is the direction in which a daemon synchronises connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DaemonRole {
    /// Sends connections to the other director.
    Master,
    /// Receives connections from the other director.
    Backup,
}

impl fmt::Display for DaemonRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// Describes a synchronisation daemon; at most one of each role runs in a network namespace.
///
/// When a daemon is started, `None` leaves the value to the kernel; a running daemon is reported with all
/// values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Daemon {
    /// Whether it sends or receives.
    pub role: DaemonRole,
    /// The interface on which the multicast group is sent or received.
    pub interface: IfName,
    /// The number on which sender and receiver must agree; messages carry its low 8 bits. A receiver
    /// with 0 accepts all.
    pub sync_id: u32,
    /// The largest payload of a datagram in bytes; default 1500 less the headers (1472 for IPv4).
    pub max_length: Option<u16>,
    /// The multicast group; default 224.0.0.81.
    pub group: Option<IpAddr>,
    /// The first UDP port; default 8848.
    pub port: Option<u16>,
    /// The multicast TTL; default 1.
    pub ttl: Option<u8>,
}

impl Daemon {
    /// Returns a daemon that leaves the other values to the kernel.
    #[must_use]
    pub fn new(role: DaemonRole, interface: IfName, sync_id: u32) -> Self {
        Self {
            role,
            interface,
            sync_id,
            max_length: None,
            group: None,
            port: None,
            ttl: None,
        }
    }
}
