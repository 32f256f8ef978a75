//! The synchronisation of connections between directors.

use std::net::{IpAddr, Ipv4Addr};

use crate::ipvs::{Daemon, DaemonRole};
use crate::name::IfName;

/// How a director tells another of its connections, so that they live on when it fails.
///
/// A director runs both halves, whichever of two is active: it tells what it forwards, and hears what the
/// other does. All is said that the kernel would make up, for only what is said can be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sync {
    /// By which directors that belong together know each other, 0 to 255.
    pub id: u8,
    /// The interface towards the other one.
    pub interface: IfName,
    /// The multicast group.
    pub group: IpAddr,
    /// The first UDP port.
    pub port: u16,
    /// Over how many routers datagrams go.
    pub ttl: u8,
    /// The largest payload of a datagram in bytes.
    pub max_length: u16,
}

impl Sync {
    /// The kernel's group, 224.0.0.81.
    pub const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
    /// The kernel's port.
    pub const PORT: u16 = 8848;
    /// The shortest payload for which a receiver makes room.
    pub const SHORTEST: u16 = 1024;

    /// What the kernel does by itself.
    #[must_use]
    pub const fn new(id: u8, interface: IfName) -> Self {
        Self {
            id,
            interface,
            group: Self::GROUP,
            port: Self::PORT,
            ttl: 1,
            max_length: Self::default_length(Self::GROUP),
        }
    }

    /// What fits into a packet of 1500 bytes.
    #[must_use]
    pub const fn default_length(group: IpAddr) -> u16 {
        match group {
            IpAddr::V4(_) => 1472,
            IpAddr::V6(_) => 1452,
        }
    }

    /// Both halves.
    pub(in crate::cluster) fn daemons(&self) -> [Daemon; 2] {
        [DaemonRole::Master, DaemonRole::Backup].map(|role| Daemon {
            role,
            interface: self.interface.clone(),
            sync_id: self.id.into(),
            max_length: Some(self.max_length),
            group: Some(self.group),
            port: Some(self.port),
            ttl: Some(self.ttl),
        })
    }
}
