//! Virtual services: what clients connect to.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use bitflags::bitflags;
use serde::{Deserialize, Serialize};

use super::{EngineName, Family, Protocol, SchedulerName, Seconds, Stats};
use crate::error::InvalidValue;

/// What identifies a service in a network namespace: a protocol and socket address, or a firewall mark.
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
    /// Packets of this protocol to this address and port; port 0 means every port (persistent services only).
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
        /// Which packets of that mark.
        family: Family,
    },
}

impl ServiceId {
    /// A TCP service.
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::Socket {
            protocol: Protocol::TCP,
            address,
        }
    }

    /// A UDP service.
    #[must_use]
    pub const fn udp(address: SocketAddr) -> Self {
        Self::Socket {
            protocol: Protocol::UDP,
            address,
        }
    }

    /// The family of its packets.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Socket { address, .. } => address.ip().into(),
            Self::Fwmark { family, .. } => *family,
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

bitflags! {
    /// What a service does besides: the bits of the kernel's flags word that a user may set.
    ///
    /// PERSISTENT (0x1) is not among them, it is [`Service::persistence`]; nor HASHED (0x2), the
    /// kernel's own. Unknown bits are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ServiceFlags: u32 {
        /// Schedule every UDP datagram on its own.
        const ONE_PACKET = 0x4;
        /// First flag of the scheduler.
        const FLAG_1 = 0x8;
        /// Second flag of the scheduler.
        const FLAG_2 = 0x10;
        /// Third flag of the scheduler; no scheduler of the kernel uses it.
        const FLAG_3 = 0x20;
        /// sh: another server where the hashed one is not available.
        const SH_FALLBACK = 0x8;
        /// sh: the client's port goes into the hash.
        const SH_PORT = 0x10;
        /// mh: another server where the hashed one is not available.
        const MH_FALLBACK = 0x8;
        /// mh: the client's port goes into the hash.
        const MH_PORT = 0x10;
        const _ = !0;
    }
}

impl Serialize for ServiceFlags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.bits())
    }
}

impl<'de> Deserialize<'de> for ServiceFlags {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::from_bits_retain)
    }
}

/// Which clients count as one: the mask laid over the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Netmask {
    /// Any bit pattern; `255.255.255.255` tells every client apart.
    Ipv4(Ipv4Addr),
    /// A prefix length, 1 to 128.
    Ipv6(u8),
}

impl Netmask {
    /// Every client for itself: /32 or /128.
    #[must_use]
    pub const fn host(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ipv4(Ipv4Addr::BROADCAST),
            Family::Ipv6 => Self::Ipv6(128),
        }
    }

    /// The mask of a prefix length.
    ///
    /// # Errors
    /// More bits than an address of the family has, or 0.
    pub fn from_prefix(family: Family, length: u8) -> Result<Self, InvalidValue> {
        if length == 0 || length > family.bits() {
            let problem = format!("is not in 1..{} for {family}", family.bits());
            return Err(InvalidValue::new(
                "persistence netmask",
                length.to_string(),
                problem,
            ));
        }
        Ok(match family {
            Family::Ipv4 => Self::Ipv4(Ipv4Addr::from_bits(u32::MAX << (32 - length))),
            Family::Ipv6 => Self::Ipv6(length),
        })
    }

    /// The prefix length, unless the mask has holes.
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

    /// The family it belongs to.
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

/// Clients come back to the server they had.
#[doc(alias = "sticky")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Persistence {
    /// How long after the last connection; with 0 as long as connections live.
    pub timeout: Seconds,
    /// Which clients count as one.
    pub netmask: Netmask,
}

/// A virtual service as it is configured.
///
/// ```
/// use lvs_core::ipvs::{SchedulerName, Service, ServiceId};
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
/// assert!(service.persistence.is_none());
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Service {
    /// What clients connect to.
    pub id: ServiceId,
    /// Who chooses the destination.
    pub scheduler: SchedulerName,
    /// One-packet scheduling and the scheduler's own flags.
    pub flags: ServiceFlags,
    /// Clients that come back to their server; `None` for none.
    pub persistence: Option<Persistence>,
    /// What tells clients apart besides their address. Only useful with persistence, but the kernel
    /// keeps it without.
    pub engine: Option<EngineName>,
}

impl Service {
    /// A service without persistence or flags.
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

/// A service as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its configuration.
    pub service: Service,
    /// Its counters.
    pub stats: Stats,
}
