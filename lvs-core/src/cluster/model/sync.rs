//! The synchronisation of connections between directors.

use std::net::{IpAddr, Ipv4Addr};

use crate::ipvs::{Daemon, DaemonRole};
use crate::name::IfName;

/// Describes how a director sends its connections to another, so that they survive when it fails.
///
/// A director runs both daemons, active or standby: it sends what it forwards and receives what the other
/// director forwards. Every value is set, also those for which the kernel has a default, because only values
/// that are set can be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sync {
    /// The id by which directors that belong together recognise each other, 0 to 255.
    pub id: u8,
    /// The interface towards the other director.
    pub interface: IfName,
    /// The multicast group.
    pub group: IpAddr,
    /// The first UDP port.
    pub port: u16,
    /// The TTL of datagrams: the number of routers that they may pass, plus one.
    pub ttl: u8,
    /// The largest payload of a datagram in bytes.
    pub max_length: u16,
}

impl Sync {
    /// The kernel's default group, 224.0.0.81.
    pub const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
    /// The kernel's default port.
    pub const PORT: u16 = 8848;
    /// The shortest payload in bytes for which a receiver has a buffer.
    pub const SHORTEST: u16 = 1024;

    /// Creates a synchronisation with the kernel's defaults.
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

    /// Returns the largest payload in bytes that fits into a packet of 1500 bytes.
    #[must_use]
    pub const fn default_length(group: IpAddr) -> u16 {
        match group {
            IpAddr::V4(_) => 1472,
            IpAddr::V6(_) => 1452,
        }
    }

    /// Returns the daemons of a director: one that sends and one that receives.
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
