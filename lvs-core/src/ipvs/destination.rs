//! Destinations: the real servers behind a service.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Family, Forwarding, Stats};
use crate::error::InvalidValue;

/// Identifies a destination within its service: an address and a port.
///
/// With direct routing and tunnels the port is part of the identity, but packets keep the port of the
/// service. The text form is `192.168.1.12:80` or `[2001:db8::12]:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DestinationId {
    /// The real server's address, the RIP.
    pub address: IpAddr,
    /// The real server's port; 0 with a service of every port.
    pub port: u16,
}

impl DestinationId {
    /// Returns the identity of an address and a port.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }

    /// Returns the family of the real server, which with tunnels may differ from the service's.
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

/// Is a destination's share of new connections: 0 (none) to 2147483647.
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
    /// No new connections; existing ones continue.
    #[doc(alias = "quiesce")]
    pub const DRAIN: Self = Self(0);
    /// The default of ipvsadm and of the cluster file, 1.
    pub const ONE: Self = Self(1);
    /// The largest weight that the kernel accepts.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// Returns the weight of a number in range.
    ///
    /// # Errors
    /// A number above 2147483647, which the kernel would read as negative and refuse with `ERANGE`.
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

    /// Returns the number.
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

/// Holds the numbers of connections between which a destination stops and resumes receiving new ones;
/// 0 is off.
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

    /// Returns thresholds that stop new connections from `upper` connections on, until there are fewer
    /// than `lower` (0: fewer than three quarters of `upper`).
    ///
    /// # Errors
    /// `lower` above `upper`, which the kernel refuses with `ERANGE`.
    pub fn new(upper: u32, lower: u32) -> Result<Self, InvalidValue> {
        if lower > upper {
            return Err(InvalidValue::new(
                "lower threshold",
                lower.to_string(),
                format!("is above the upper threshold {upper}"),
            ));
        }
        Ok(Self { upper, lower })
    }

    /// Returns the number of connections from which on there are no new ones; 0 for no limit.
    #[must_use]
    pub const fn upper(self) -> u32 {
        self.upper
    }

    /// Returns the number of connections below which new ones resume.
    #[must_use]
    pub const fn lower(self) -> u32 {
        self.lower
    }
}

/// Holds a destination as it is configured.
///
/// Its text form is `192.168.1.12:80 nat weight 5 thresholds 1000 800` (upper, then lower).
///
/// ```
/// use lvs_core::ipvs::{Destination, Forwarding, Weight};
/// let mut destination = Destination::new("192.168.1.12:80".parse()?, Forwarding::DirectRouting);
/// destination.weight = Weight::new(2)?;
/// assert_eq!(destination.to_string(), "192.168.1.12:80 dr weight 2");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[doc(alias = "real server")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Destination {
    /// The address and port of the real server.
    pub id: DestinationId,
    /// The method by which packets reach it.
    pub forwarding: Forwarding,
    /// Its share of new connections.
    pub weight: Weight,
    /// The numbers of connections at which it counts as full.
    pub thresholds: Thresholds,
}

impl Destination {
    /// Returns a destination of weight 1 without thresholds.
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

/// Holds a destination as the kernel reports it: with its connections and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its configuration.
    pub destination: Destination,
    /// The current number of active connections: TCP that is not closing yet; UDP is never active.
    pub active: u32,
    /// The current number of all other connections.
    pub inactive: u32,
    /// The current number of persistence templates.
    pub persistent: u32,
    /// Its counters, which are up to 2 seconds old.
    pub stats: Stats,
}
