//! Network interfaces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;
use crate::name::IfName;

/// Holds a hardware address of 6 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.split(':')
            .map(|byte| u8::from_str_radix(byte, 16).ok())
            .collect::<Option<Vec<_>>>()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| InvalidValue::new("MAC address", text, "is not like 02:00:00:00:00:01"))
    }
}

crate::text::serde_as_text!(MacAddress);

/// Describes an interface as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// The kernel's number of the interface.
    pub index: u32,
    /// The name.
    pub name: IfName,
    /// Whether it is set up (`IFF_UP`), with or without a carrier.
    pub up: bool,
    /// Whether it has a carrier (`IFF_LOWER_UP`): a cable, and another end that is up.
    #[serde(default = "is_so")]
    pub carrier: bool,
    /// Whether neighbours are asked and answered by it, with ARP or neighbour solicitation (no `IFF_NOARP`).
    #[serde(default = "is_so")]
    pub arp: bool,
    /// The size of the largest packet in bytes.
    pub mtu: u32,
    /// The hardware address of an Ethernet-like interface.
    pub mac: Option<MacAddress>,
    /// The kind of a virtual interface: `veth`, `bridge`, `ipip`.
    pub kind: Option<String>,
    /// The index of the bridge or bond it belongs to.
    pub controller: Option<u32>,
}

impl Link {
    /// Returns a link that is up, has a carrier and answers ARP, with an MTU of 1500 bytes and nothing else.
    #[must_use]
    pub const fn new(index: u32, name: IfName) -> Self {
        Self {
            index,
            name,
            up: true,
            carrier: true,
            arp: true,
            mtu: 1500,
            mac: None,
            kind: None,
            controller: None,
        }
    }
}

/// Links of stored facts that do not tell have a carrier and answer ARP.
const fn is_so() -> bool {
    true
}
