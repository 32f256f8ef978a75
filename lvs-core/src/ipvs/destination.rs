//! Destinations: the real servers behind a service.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Family, Stats};
use crate::error::InvalidValue;

/// What identifies a destination within its service: address and port.
///
/// With direct routing and tunnels the port is part of the identity but packets keep the service's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DestinationId {
    /// The real server's address, the RIP.
    pub address: IpAddr,
    /// Its port; 0 with a service of every port.
    pub port: u16,
}

impl DestinationId {
    /// An address and a port.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }

    /// The family of the real server, which with tunnels may differ from the service's.
    #[must_use]
    pub fn family(&self) -> Family {
        self.address.into()
    }
}

impl fmt::Display for DestinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SocketAddr::new(self.address, self.port), f)
    }
}

impl FromStr for DestinationId {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let address: SocketAddr = text
            .parse()
            .map_err(|_| InvalidValue::new("destination", text, "is not ADDRESS:PORT"))?;
        Ok(Self::new(address.ip(), address.port()))
    }
}

crate::text::serde_as_text!(DestinationId);

/// How packets reach the real server.
#[doc(alias("gatewaying", "DSR", "packet forwarding method"))]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarding {
    /// NAT: addresses are rewritten, answers come back through the director.
    #[default]
    Masquerade,
    /// The packet goes unchanged to the real server's MAC address; answers bypass the director.
    DirectRouting,
    /// The packet is wrapped and sent to the real server, on whatever network it is.
    Tunnel(Encapsulation),
    /// The director itself is the server.
    Local,
    /// Past IPVS to the original destination (a cache that is down).
    Bypass,
    /// A number (5 to 7) that means nothing, but that the kernel stores.
    #[doc(hidden)]
    Other(u32),
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade => f.pad("nat"),
            Self::DirectRouting => f.pad("dr"),
            Self::Tunnel(Encapsulation::Ipip) => f.pad("tunnel"),
            Self::Tunnel(encapsulation) => write!(f, "tunnel {encapsulation}"),
            Self::Local => f.pad("local"),
            Self::Bypass => f.pad("bypass"),
            Self::Other(number) => write!(f, "method-{number}"),
        }
    }
}

/// What a tunnelled packet is wrapped in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Encapsulation {
    /// IP in IP.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// The UDP port on which the real server listens.
        port: NonZeroU16,
        /// The UDP checksum.
        checksum: TunnelChecksum,
    },
    /// Generic routing encapsulation.
    Gre {
        /// The GRE checksum; `Remote` makes no sense here.
        checksum: TunnelChecksum,
    },
    /// A combination without a meaning that the kernel stores.
    #[doc(hidden)]
    Other {
        /// 0 ipip, 1 GUE, 2 GRE.
        kind: u8,
        /// The port.
        port: u16,
        /// The flags word.
        flags: u16,
    },
}

impl Encapsulation {
    /// The kernel's numbers: type, port, flags.
    pub(super) fn from_numbers(kind: u8, port: u16, flags: u16) -> Self {
        match (
            kind,
            NonZeroU16::new(port),
            TunnelChecksum::from_flags(flags),
        ) {
            (0, None, Some(TunnelChecksum::None)) => Self::Ipip,
            (1, Some(port), Some(checksum)) => Self::Gue { port, checksum },
            (2, None, Some(checksum)) => Self::Gre { checksum },
            _ => Self::Other { kind, port, flags },
        }
    }

    /// The same the other way.
    pub(super) const fn numbers(self) -> (u8, u16, u16) {
        match self {
            Self::Ipip => (0, 0, 0),
            Self::Gue { port, checksum } => (1, port.get(), checksum.flags()),
            Self::Gre { checksum } => (2, 0, checksum.flags()),
            Self::Other { kind, port, flags } => (kind, port, flags),
        }
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipip => f.write_str("ipip"),
            Self::Gue { port, checksum } => write!(f, "gue port {port} checksum {checksum}"),
            Self::Gre { checksum } => write!(f, "gre checksum {checksum}"),
            Self::Other { kind, port, flags } => write!(f, "type-{kind} port {port} flags {flags}"),
        }
    }
}

/// How an encapsulation protects its content.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TunnelChecksum {
    /// No checksum.
    #[default]
    None,
    /// A checksum over the whole packet.
    Full,
    /// Remote checksum offload, GUE only.
    Remote,
}

impl TunnelChecksum {
    const fn from_flags(flags: u16) -> Option<Self> {
        match flags {
            0 => Some(Self::None),
            1 => Some(Self::Full),
            2 => Some(Self::Remote),
            _ => None,
        }
    }

    const fn flags(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Full => 1,
            Self::Remote => 2,
        }
    }
}

impl fmt::Display for TunnelChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Full => "full",
            Self::Remote => "remote",
        })
    }
}

/// A destination's share of new connections: 0 (none) to 2147483647.
///
/// ```
/// use lvs_core::ipvs::Weight;
/// assert_eq!(Weight::new(3)?.get(), 3);
/// assert!(Weight::new(1 << 31).is_err());
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Weight(u32);

impl Weight {
    /// No new connections; those that are there go on.
    #[doc(alias = "quiesce")]
    pub const DRAIN: Self = Self(0);
    /// The default of ipvsadm and of the cluster file, 1.
    pub const ONE: Self = Self(1);
    /// The largest the kernel takes.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// Checks the range.
    ///
    /// # Errors
    /// Above 2147483647, which the kernel would read as negative and refuse with `ERANGE`.
    pub fn new(weight: u32) -> Result<Self, InvalidValue> {
        if weight > Self::MAX.0 {
            return Err(InvalidValue::new(
                "weight",
                weight.to_string(),
                "is not in 0..2147483647",
            ));
        }
        Ok(Self(weight))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TryFrom<u32> for Weight {
    type Error = InvalidValue;
    fn try_from(weight: u32) -> Result<Self, InvalidValue> {
        Self::new(weight)
    }
}

impl From<Weight> for u32 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// Connection counts at which a destination is taken out of and put back into scheduling. 0 is off.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Thresholds {
    upper: u32,
    lower: u32,
}

impl Thresholds {
    /// No thresholds.
    pub const OFF: Self = Self { upper: 0, lower: 0 };

    /// No new connections from `upper` connections on, until there are fewer than `lower`
    /// (0: fewer than three quarters of `upper`).
    ///
    /// # Errors
    /// `lower` above `upper`, which the kernel refuses with `ERANGE`.
    pub fn new(upper: u32, lower: u32) -> Result<Self, InvalidValue> {
        if lower > upper {
            let problem = format!("is above the upper threshold {upper}");
            return Err(InvalidValue::new(
                "lower threshold",
                lower.to_string(),
                problem,
            ));
        }
        Ok(Self { upper, lower })
    }

    /// From how many connections on; 0 is never.
    #[must_use]
    pub const fn upper(self) -> u32 {
        self.upper
    }

    /// Until there are fewer than so many.
    #[must_use]
    pub const fn lower(self) -> u32 {
        self.lower
    }
}

/// A destination as it is configured.
///
/// ```
/// use lvs_core::ipvs::{Destination, Forwarding, Weight};
/// let mut destination = Destination::new("192.168.1.12:80".parse()?, Forwarding::DirectRouting);
/// destination.weight = Weight::new(2)?;
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[doc(alias = "real server")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Destination {
    /// Address and port.
    pub id: DestinationId,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// Its share.
    pub weight: Weight,
    /// When it counts as full.
    pub thresholds: Thresholds,
}

impl Destination {
    /// A destination of weight 1 without thresholds.
    #[must_use]
    pub const fn new(id: DestinationId, forwarding: Forwarding) -> Self {
        Self {
            id,
            forwarding,
            weight: Weight::ONE,
            thresholds: Thresholds::OFF,
        }
    }
}

/// A destination as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its configuration.
    pub destination: Destination,
    /// Active connections, live: TCP that is not yet closing; UDP is never active.
    pub active: u32,
    /// All other connections, live.
    pub inactive: u32,
    /// Persistence templates, live.
    pub persistent: u32,
    /// Its counters, up to 2 seconds late.
    pub stats: Stats,
}
