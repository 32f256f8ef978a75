//! A new connection, as a scheduler sees it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::ipvs::Protocol;

/// Identifies the packets of a connection: protocol, client and target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The source of the packets; hashed by sh and mh.
    pub client: SocketAddr,
    /// The destination of the packets, a virtual address; hashed by dh, remembered by lblc and lblcr. A
    /// service by firewall mark has many.
    pub target: SocketAddr,
}

impl Flow {
    /// Returns the flow of a TCP connection.
    #[must_use]
    pub const fn tcp(client: SocketAddr, target: SocketAddr) -> Self {
        Self {
            protocol: Protocol::TCP,
            client,
            target,
        }
    }

    /// Returns the flow of UDP datagrams of one pair of ports.
    #[must_use]
    pub const fn udp(client: SocketAddr, target: SocketAddr) -> Self {
        Self {
            protocol: Protocol::UDP,
            client,
            target,
        }
    }

    /// Returns the arrival of the flow at a time, counted from any fixed moment.
    #[must_use]
    pub const fn at(self, now: Duration) -> Arrival {
        Arrival {
            flow: self,
            now,
            draws: [0; 2],
        }
    }

    /// Returns the client's port as sh and mh hash it with their port flag: 0 for protocols without ports.
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

/// Holds a flow, the time of its arrival, and random numbers.
///
/// A [`Flow`] converts into an arrival at time zero with the draws 0, which is all that most schedulers need:
/// the time matters to lblc, lblcr and persistence, the draws to twos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The flow.
    pub flow: Flow,
    /// The time of arrival, counted from any fixed moment; it never goes back.
    pub now: Duration,
    /// Two random numbers, each uniform over the whole of `u32`.
    pub draws: [u32; 2],
}

impl Arrival {
    /// Returns the arrival with these random numbers.
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
