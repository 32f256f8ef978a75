//! Virtual services: the addresses and marks that clients connect to.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{EngineName, Family, Protocol, SchedulerName, Seconds, ServiceFlags, Stats};
use crate::error::InvalidValue;

/// Identifies a service in a network namespace: a protocol and socket address, or a firewall mark.
///
/// The text form is that of the cluster file and of JSON: `tcp 172.16.5.11:80`,
/// `udp [2001:db8::1]:53`, `fwmark 1 ipv4`.
///
/// ```
/// use lvs_core::ipvs::ServiceId;
/// let id: ServiceId = "tcp 172.16.5.11:80".parse()?;
/// assert_eq!(id, ServiceId::tcp("172.16.5.11:80".parse().unwrap()));
/// assert_eq!(id.to_string(), "tcp 172.16.5.11:80");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[doc(alias = "virtual server")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ServiceId {
    /// Packets of this protocol to this address and port; port 0 means every port (persistent services
    /// only).
    Socket {
        /// The transport protocol.
        protocol: Protocol,
        /// The virtual IP and port.
        address: SocketAddr,
    },
    /// Packets that a firewall rule has marked. IPv4 and IPv6 services of one mark are two services.
    Fwmark {
        /// The mark; 0 is no mark.
        mark: NonZeroU32,
        /// The family of the packets.
        family: Family,
    },
}

impl ServiceId {
    /// Returns the identity of a TCP service.
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::Socket {
            protocol: Protocol::TCP,
            address,
        }
    }

    /// Returns the identity of a UDP service.
    #[must_use]
    pub const fn udp(address: SocketAddr) -> Self {
        Self::Socket {
            protocol: Protocol::UDP,
            address,
        }
    }

    /// Returns the family of its packets.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Socket { address, .. } => address.ip().into(),
            Self::Fwmark { family, .. } => *family,
        }
    }

    /// Returns its port; 0 for every port and for firewall marks.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Socket { address, .. } => address.port(),
            Self::Fwmark { .. } => 0,
        }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { protocol, address } => write!(f, "{protocol} {address}"),
            Self::Fwmark { mark, family } => write!(f, "fwmark {mark} {family}"),
        }
    }
}

impl FromStr for ServiceId {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bad = |problem: &str| InvalidValue::new("service", text, problem);
        let words: Vec<_> = text.split_whitespace().collect();
        match *words.as_slice() {
            ["fwmark", mark] => Ok(Self::Fwmark {
                mark: parse_mark(mark)?,
                family: Family::Ipv4,
            }),
            ["fwmark", mark, family] => Ok(Self::Fwmark {
                mark: parse_mark(mark)?,
                family: family.parse()?,
            }),
            [protocol, address] => Ok(Self::Socket {
                protocol: protocol.parse()?,
                address: address.parse().map_err(|_| bad("has no ADDRESS:PORT"))?,
            }),
            _ => Err(bad("is not like \"tcp 192.0.2.1:80\" or \"fwmark 1 ipv4\"")),
        }
    }
}

fn parse_mark(text: &str) -> Result<NonZeroU32, InvalidValue> {
    text.parse()
        .map_err(|_| InvalidValue::new("firewall mark", text, "is not in 1..4294967295"))
}

crate::text::serde_as_text!(ServiceId);

/// Is the mask of the client addresses that count as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Netmask {
    /// Any bit pattern; `255.255.255.255` distinguishes every client.
    Ipv4(Ipv4Addr),
    /// A prefix length, 1 to 128.
    Ipv6(u8),
}

impl Netmask {
    /// Returns the mask that distinguishes every client: /32 or /128.
    #[must_use]
    pub const fn host(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ipv4(Ipv4Addr::BROADCAST),
            Family::Ipv6 => Self::Ipv6(128),
        }
    }

    /// Returns the mask of a prefix length.
    ///
    /// # Errors
    /// More bits than an address of the family has, or 0.
    pub fn from_prefix(family: Family, length: u8) -> Result<Self, InvalidValue> {
        if length == 0 || length > family.bits() {
            return Err(InvalidValue::new(
                "persistence netmask",
                length.to_string(),
                format!("is not in 1..{} for {family}", family.bits()),
            ));
        }
        Ok(match family {
            Family::Ipv4 => Self::Ipv4(Ipv4Addr::from_bits(u32::MAX << (32 - length))),
            Family::Ipv6 => Self::Ipv6(length),
        })
    }

    /// Returns the prefix length, unless the mask has holes.
    #[must_use]
    pub fn prefix(self) -> Option<u8> {
        match self {
            Self::Ipv6(length) => Some(length),
            Self::Ipv4(mask) => {
                let bits = mask.to_bits();
                let length = bits.leading_ones();
                (bits.count_ones() == length).then_some(length as u8)
            }
        }
    }

    /// Returns the family of the mask.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Ipv4(_) => Family::Ipv4,
            Self::Ipv6(_) => Family::Ipv6,
        }
    }
}

impl fmt::Display for Netmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.prefix(), self) {
            (Some(length), _) => write!(f, "/{length}"),
            (None, Self::Ipv4(mask)) => write!(f, "{mask}"),
            (None, Self::Ipv6(length)) => write!(f, "/{length}"),
        }
    }
}

/// Describes how clients return to the server that they had.
#[doc(alias = "sticky")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Persistence {
    /// The time for which a client is remembered after its last connection; with 0 it is remembered as
    /// long as its connections exist.
    pub timeout: Seconds,
    /// The mask of the client addresses that count as one client.
    pub netmask: Netmask,
}

/// Holds a virtual service as it is configured.
///
/// Its text form is `tcp 172.16.5.11:80 sh sh-port persistent 300s /24`.
///
/// ```
/// use lvs_core::ipvs::{SchedulerName, Service, ServiceId};
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
/// assert!(service.persistence.is_none());
/// assert_eq!(service.to_string(), "tcp 172.16.5.11:80 wrr");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Service {
    /// The address or mark that clients connect to.
    pub id: ServiceId,
    /// The scheduler, which chooses the destination of each connection.
    pub scheduler: SchedulerName,
    /// One-packet scheduling and the scheduler's own flags.
    pub flags: ServiceFlags,
    /// The persistence; `None` if clients need not return to their server.
    pub persistence: Option<Persistence>,
    /// The persistence engine, which distinguishes clients by more than their address. It is useful
    /// only with persistence, but the kernel keeps it without.
    pub engine: Option<EngineName>,
}

impl Service {
    /// Returns a service without persistence or flags.
    #[must_use]
    pub const fn new(id: ServiceId, scheduler: SchedulerName) -> Self {
        Self {
            id,
            scheduler,
            flags: ServiceFlags::empty(),
            persistence: None,
            engine: None,
        }
    }
}

/// Holds a service as the kernel reports it: with its counters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its configuration.
    pub service: Service,
    /// Its counters.
    pub stats: Stats,
}
