//! The connections that IPVS remembers.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{ConnectionState, EngineName, Protocol, Seconds};

/// Describes a connection, or a template that makes a client return to its server.
///
/// Connections are read from `/proc` ([`Proc::connections`](crate::proc::Proc::connections)); there is no
/// netlink request for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Connection {
    /// The transport protocol; 0 for templates of firewall-mark services.
    pub protocol: Protocol,
    /// The client; for a template the client's network and port 0.
    pub client: SocketAddr,
    /// The virtual IP and port; for a template of a firewall mark the mark, see [`mark`](Self::mark).
    pub service: SocketAddr,
    /// The real server. With a tunnel its family may differ from the client's.
    pub destination: SocketAddr,
    /// The state; for a template [`None`](ConnectionState::None) or [`Assured`](ConnectionState::Assured).
    pub state: ConnectionState,
    /// The time until the kernel forgets it.
    pub expires: Seconds,
    /// The persistence engine, if it keeps data for the connection.
    pub engine: Option<EngineName>,
    /// The engine's data, for `sip` the Call-ID; bytes that are not UTF-8 are replaced.
    pub engine_data: Option<String>,
    /// The origin, if that was read.
    pub origin: Option<Origin>,
}

/// Is the origin of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Origin {
    /// It was scheduled here.
    Local,
    /// The synchronisation daemon received it from the other director.
    Sync,
}

impl Connection {
    /// Returns whether it is not a connection but a persistence template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.client.port() == 0
    }

    /// Returns the firewall mark of a template of a firewall-mark service, which it has in place of the
    /// virtual IP.
    #[must_use]
    pub fn mark(&self) -> Option<u32> {
        if self.protocol != Protocol(0) {
            return None;
        }
        match self.service.ip() {
            IpAddr::V4(mark) => Some(mark.to_bits()),
            IpAddr::V6(mark) => u32::try_from(mark.to_bits() >> 96).ok(),
        }
    }
}
