//! The way of a probe to one real server, as data.
//!
//! For each (real server, forwarding method, mapped port) of a director there is one IPVS service by
//! firewall mark with that single destination. A probe sets the mark on its socket, binds to an address of
//! the director and connects to the virtual IP: IPVS schedules the packet in `LOCAL_OUT`, so that the
//! forwarding method, the virtual IP on the real server, the listener and the way back are all tested.
//!
//! | director | method | needs |
//! |---|---|---|
//! | carries the virtual IP, IPv4 | dr, tunnel | a source of its own, and `accept_local=1` where answers arrive: their source address is local there |
//! | carries it, IPv4 | nat | a source on the clients' side; from the real servers' network an answer is on-link and hides a wrong gateway |
//! | carries it, IPv6 | any | a source of its own |
//! | does not carry it (standby) | any | a source of its own |
//!
//! Without a source of its own the kernel would take the virtual IP, and every probe would time out.
//!
//! Three traps. IPVS finds a connection by its addresses and ports, not by its mark: a source port that is
//! used again while the entry of another real server lives (a SYN without an answer: 60 s; UDP: 300 s) leads
//! there, so source ports are taken in turn ([`SourcePorts`]). A probe service is `one-packet` with dr and
//! tunnel, so that UDP leaves no entry at all; with nat the answer would lose its way. And packets that a
//! firewall's rules give the same mark would be sent to one real server: [`Marks`] are a block of their own, and
//! a plan refuses a mark that is taken.

mod mark;
mod plan;
mod port;
mod source;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

pub use mark::Marks;
pub use plan::{PathNote, PlannedProbe, ProbePlan, ProbeSysctl, Via};
pub use port::SourcePorts;

use crate::cluster::NodeName;
use crate::ipvs::{
    Destination, DestinationId, Family, Forwarding, SchedulerName, Service, ServiceFlags, ServiceId,
};

/// Identifies a way to a real server: probes that share it share a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PathKey {
    /// The real server's address.
    pub address: IpAddr,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// The port that masquerading maps to; 0 where packets keep theirs.
    pub port: u16,
    /// The family of the virtual IP.
    pub family: Family,
}

impl fmt::Display for PathKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let destination = DestinationId::new(self.address, self.port);
        write!(
            f,
            "{destination} by {} for {}",
            self.forwarding, self.family
        )
    }
}

/// The way of one probe: the mark and the source of its socket, and where it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbePath {
    /// The firewall mark (`SO_MARK`); `None` leaves packets unmarked.
    pub mark: Option<NonZeroU32>,
    /// The source address; port 0 is any. `None` leaves it to the kernel.
    pub source: Option<SocketAddr>,
    /// Where the probe connects to: the virtual IP and port, or those of the real server.
    pub destination: SocketAddr,
}

impl ProbePath {
    /// Returns the unmarked way straight to an address.
    #[must_use]
    pub const fn direct(destination: SocketAddr) -> Self {
        Self {
            mark: None,
            source: None,
            destination,
        }
    }
}

/// An IPVS service that leads marked packets to one real server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProbeService {
    /// Its firewall mark.
    pub mark: NonZeroU32,
    /// The way.
    pub key: PathKey,
    /// The real server's name.
    pub server: NodeName,
}

impl ProbeService {
    /// Returns the service as the kernel must hold it.
    #[must_use]
    pub fn service(&self) -> Service {
        let id = ServiceId::Fwmark {
            mark: self.mark,
            family: self.key.family,
        };
        let mut service = Service::new(id, SchedulerName::RR);
        if self.key.forwarding != Forwarding::Masquerade {
            service.flags = ServiceFlags::ONE_PACKET;
        }
        service
    }

    /// Returns its only destination.
    #[must_use]
    pub const fn destination(&self) -> Destination {
        let id = DestinationId::new(self.key.address, self.key.port);
        Destination::new(id, self.key.forwarding)
    }
}
