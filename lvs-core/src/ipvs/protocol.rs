//! The transport protocol of a service.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;

/// Is a transport protocol, by its IP protocol number.
///
/// IPVS schedules TCP, UDP and SCTP, but its table accepts any number, so this type does too.
///
/// ```
/// use lvs_core::ipvs::Protocol;
/// assert_eq!("udp".parse::<Protocol>()?, Protocol::UDP);
/// assert_eq!(Protocol(1).to_string(), "protocol-1");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Protocol(pub u16);

impl Protocol {
    /// TCP, 6.
    pub const TCP: Self = Self(6);
    /// UDP, 17.
    pub const UDP: Self = Self(17);
    /// SCTP, 132.
    pub const SCTP: Self = Self(132);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => f.pad("tcp"),
            Self::UDP => f.pad("udp"),
            Self::SCTP => f.pad("sctp"),
            Self(number) => f.pad(&format!("protocol-{number}")),
        }
    }
}

impl FromStr for Protocol {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "tcp" => Ok(Self::TCP),
            "udp" => Ok(Self::UDP),
            "sctp" => Ok(Self::SCTP),
            _ => text
                .strip_prefix("protocol-")
                .and_then(|number| number.parse().ok())
                .map(Self)
                .ok_or_else(|| InvalidValue::new("protocol", text, "is not tcp, udp or sctp")),
        }
    }
}

crate::text::serde_as_text!(Protocol);
