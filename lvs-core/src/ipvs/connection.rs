//! Connections that IPVS remembers.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{EngineName, Protocol, Seconds};

/// A connection, or a template that keeps a client with its server, as `/proc` tells it.
///
/// There is no netlink request for them; see [`Proc::connections`](crate::proc::Proc::connections).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Connection {
    /// The transport protocol; 0 for templates of firewall-mark services.
    pub protocol: Protocol,
    /// The client; of a template the client's network and port 0.
    pub client: SocketAddr,
    /// The virtual IP and port; of a firewall-mark template the mark, see [`mark`](Self::mark).
    pub service: SocketAddr,
    /// The real server. Through a tunnel its family may differ from the client's.
    pub destination: SocketAddr,
    /// The kernel's name of the state: `ESTABLISHED`, `SYN_RECV`, `FIN_WAIT`, `UDP`; of a template
    /// `NONE` or `ASSURED`.
    pub state: String,
    /// Until the kernel forgets it.
    pub expires: Seconds,
    /// The persistence engine, where it keeps data.
    pub engine: Option<EngineName>,
    /// That data, for `sip` the Call-ID; bytes that are not UTF-8 are replaced.
    pub engine_data: Option<String>,
    /// Where it came from, if that was asked for.
    pub origin: Option<Origin>,
}

/// Where a connection came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It was made here.
    Local,
    /// The other director's synchronisation daemon told of it.
    Sync,
}

impl Connection {
    /// Whether it is no connection but a persistence template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.client.port() == 0
    }

    /// The firewall mark of a template of such a service, which stands where others have the virtual
    /// IP.
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
