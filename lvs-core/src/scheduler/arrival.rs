//! What a scheduler is told about a new connection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::ipvs::Protocol;

/// Whose packets: protocol, client and target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The transport protocol.
    pub protocol: Protocol,
    /// Where the packet comes from; hashed by sh and mh.
    pub client: SocketAddr,
    /// Where it goes to, the virtual address; hashed by dh, remembered by lblc and lblcr. With a
    /// firewall mark, one service has many.
    pub target: SocketAddr,
}

impl Flow {
    /// A TCP connection.
    #[must_use]
    pub const fn tcp(client: SocketAddr, target: SocketAddr) -> Self {
        Self {
            protocol: Protocol::TCP,
            client,
            target,
        }
    }

    /// UDP datagrams of one pair of ports.
    #[must_use]
    pub const fn udp(client: SocketAddr, target: SocketAddr) -> Self {
        Self {
            protocol: Protocol::UDP,
            client,
            target,
        }
    }

    /// Happening at a time, counted from any fixed moment.
    #[must_use]
    pub const fn at(self, now: Duration) -> Arrival {
        Arrival {
            flow: self,
            now,
            draws: [0; 2],
        }
    }

    /// The client's port as hashed by sh and mh, where their port flag asks for it: 0 for protocols
    /// without ports.
    pub(super) fn hashed_port(&self) -> u32 {
        match self.protocol {
            Protocol::TCP | Protocol::UDP | Protocol::SCTP => self.client.port().into(),
            _ => 0,
        }
    }

    pub(super) fn client_address(&self) -> IpAddr {
        self.client.ip()
    }
}

/// A flow, when it arrives, and the luck it has.
///
/// A [`Flow`] converts into one at time zero with the draws 0, which is all that most schedulers
/// need: the time matters to lblc, lblcr and persistence, the draws to twos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Whose packets.
    pub flow: Flow,
    /// The time, counted from any fixed moment; it never goes back.
    pub now: Duration,
    /// Two random numbers, each uniform over the whole of `u32`.
    pub draws: [u32; 2],
}

impl Arrival {
    /// With these random numbers.
    #[must_use]
    pub const fn drawing(mut self, draws: [u32; 2]) -> Self {
        self.draws = draws;
        self
    }
}

impl From<Flow> for Arrival {
    fn from(flow: Flow) -> Self {
        flow.at(Duration::ZERO)
    }
}
