//! The connection synchronisation daemon.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::name::IfName;

/// Which half of the synchronisation a daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DaemonRole {
    /// Sends connections to the other director.
    Master,
    /// Receives them.
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

/// A synchronisation daemon; at most one of each role runs in a network namespace.
///
/// `None` leaves a value to the kernel when starting; a running daemon is reported with all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Daemon {
    /// Sender or receiver.
    pub role: DaemonRole,
    /// The interface of the multicast group.
    pub interface: IfName,
    /// Sender and receiver must agree; the wire carries the low 8 bits. A receiver with 0 takes all.
    pub sync_id: u32,
    /// Largest payload of a datagram in bytes; default 1500 less the headers (1472 for IPv4).
    pub max_length: Option<u16>,
    /// The multicast group; default 224.0.0.81.
    pub group: Option<IpAddr>,
    /// The first UDP port; default 8848.
    pub port: Option<u16>,
    /// The multicast TTL; default 1.
    pub ttl: Option<u8>,
}

impl Daemon {
    /// A daemon that leaves the rest to the kernel.
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
