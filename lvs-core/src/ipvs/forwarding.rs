//! Forwarding methods: how packets reach a real server.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;

/// Is the method by which packets reach the real server.
///
/// The text form is that of the cluster file and of plans: `nat`, `dr`, `tunnel`, or `tunnel` with an
/// [`Encapsulation`] other than IP in IP; serde writes the same text. The words `masquerade`, `direct-routing` and
/// `ipip` are accepted too, and serde reads what earlier versions wrote: `{"tunnel": {"gue": …}}`.
///
/// ```
/// use lvs_core::ipvs::{Encapsulation, Forwarding, TunnelChecksum};
/// assert_eq!("dr".parse::<Forwarding>()?, Forwarding::DirectRouting);
/// let gre = Forwarding::Tunnel(Encapsulation::Gre { checksum: TunnelChecksum::Full });
/// assert_eq!(gre.to_string(), "tunnel gre checksum full");
/// assert_eq!("tunnel gre checksum full".parse::<Forwarding>()?, gre);
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[doc(alias("gatewaying", "DSR", "packet forwarding method"))]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "Written", into = "String")]
pub enum Forwarding {
    /// NAT: addresses are rewritten, and answers return through the director.
    #[default]
    Masquerade,
    /// The packet goes unchanged to the real server's MAC address; answers bypass the director.
    DirectRouting,
    /// The packet is encapsulated and sent to the real server, which may be on any network.
    Tunnel(Encapsulation),
    /// The director itself is the server.
    Local,
    /// The packet bypasses IPVS to its original destination (a cache that is down).
    Bypass,
    /// A number (5 to 7) without a meaning, which the kernel stores.
    #[doc(hidden)]
    Other(u32),
}

/// Is a method as serde reads it: its text, or the form of records of earlier versions.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Earlier(Earlier),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Earlier {
    Tunnel(Encapsulation),
    Other(u32),
}

impl TryFrom<Written> for Forwarding {
    type Error = InvalidValue;
    fn try_from(written: Written) -> Result<Self, InvalidValue> {
        match written {
            Written::Text(text) => text.parse(),
            Written::Earlier(Earlier::Tunnel(encapsulation)) => Ok(Self::Tunnel(encapsulation)),
            Written::Earlier(Earlier::Other(number)) => Ok(Self::Other(number)),
        }
    }
}

impl From<Forwarding> for String {
    fn from(forwarding: Forwarding) -> Self {
        forwarding.to_string()
    }
}

impl Forwarding {
    /// Returns whether the real server receives packets with the port of the service, not with that
    /// of the destination.
    pub(crate) const fn keeps_port(self) -> bool {
        matches!(self, Self::DirectRouting | Self::Tunnel(_))
    }

    /// Returns whether packets are encapsulated.
    pub(crate) const fn is_tunnel(self) -> bool {
        matches!(self, Self::Tunnel(_))
    }
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

impl FromStr for Forwarding {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "nat" | "masquerade" => Ok(Self::Masquerade),
            "dr" | "direct-routing" => Ok(Self::DirectRouting),
            "tunnel" | "ipip" => Ok(Self::Tunnel(Encapsulation::Ipip)),
            "local" => Ok(Self::Local),
            "bypass" => Ok(Self::Bypass),
            "method-5" => Ok(Self::Other(5)),
            "method-6" => Ok(Self::Other(6)),
            "method-7" => Ok(Self::Other(7)),
            _ => match text.strip_prefix("tunnel ") {
                Some(encapsulation) => encapsulation.parse().map(Self::Tunnel),
                None => Err(InvalidValue::new(
                    "forwarding",
                    text,
                    "is not nat, dr or tunnel",
                )),
            },
        }
    }
}

/// Is the header in which a tunnelled packet is encapsulated.
///
/// The text form is `ipip`, `gue port 6080 checksum none` or `gre checksum full`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
    /// A combination without a meaning, which the kernel stores.
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
    /// Returns the encapsulation of the kernel's numbers: type, port, flags.
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

    /// Returns the kernel's numbers: type, port, flags.
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

impl FromStr for Encapsulation {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words: Vec<_> = text.split_whitespace().collect();
        let encapsulation = match *words.as_slice() {
            ["ipip"] => Some(Self::Ipip),
            ["gue", "port", port, "checksum", checksum] => {
                let checksum = checksum.parse()?;
                port.parse().ok().map(|port| Self::Gue { port, checksum })
            }
            ["gre", "checksum", checksum] => Some(Self::Gre {
                checksum: checksum.parse()?,
            }),
            [kind, "port", port, "flags", flags] => other_encapsulation(kind, port, flags),
            _ => None,
        };
        encapsulation.ok_or_else(|| {
            InvalidValue::new(
                "encapsulation",
                text,
                "is not ipip, \"gue port PORT checksum none\" or \"gre checksum none\"",
            )
        })
    }
}

fn other_encapsulation(kind: &str, port: &str, flags: &str) -> Option<Encapsulation> {
    Some(Encapsulation::from_numbers(
        kind.strip_prefix("type-")?.parse().ok()?,
        port.parse().ok()?,
        flags.parse().ok()?,
    ))
}

/// Is the checksum by which an encapsulation protects its content.
///
/// The text form is `none`, `full` or `remote`.
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
    /// Remote checksum offload, only with GUE.
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

impl FromStr for TunnelChecksum {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "none" => Ok(Self::None),
            "full" => Ok(Self::Full),
            "remote" => Ok(Self::Remote),
            _ => Err(InvalidValue::new(
                "tunnel checksum",
                text,
                "is not none, full or remote",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_read_as_it_is_printed() {
        let port = NonZeroU16::new(6080).unwrap();
        let remote = TunnelChecksum::Remote;
        for (forwarding, text) in [
            (Forwarding::Masquerade, "nat"),
            (Forwarding::DirectRouting, "dr"),
            (Forwarding::Tunnel(Encapsulation::Ipip), "tunnel"),
            (
                Forwarding::Tunnel(Encapsulation::Gue {
                    port,
                    checksum: remote,
                }),
                "tunnel gue port 6080 checksum remote",
            ),
            (
                Forwarding::Tunnel(Encapsulation::Gre {
                    checksum: TunnelChecksum::None,
                }),
                "tunnel gre checksum none",
            ),
            (
                Forwarding::Tunnel(Encapsulation::Other {
                    kind: 3,
                    port: 1,
                    flags: 9,
                }),
                "tunnel type-3 port 1 flags 9",
            ),
            (Forwarding::Local, "local"),
            (Forwarding::Bypass, "bypass"),
            (Forwarding::Other(7), "method-7"),
        ] {
            assert_eq!(forwarding.to_string(), text);
            assert_eq!(text.parse(), Ok(forwarding));
        }
    }

    #[test]
    fn other_words_are_refused_by_name() {
        for (text, expected) in [
            ("NAT", "forwarding \"NAT\" is not nat, dr or tunnel"),
            (
                "tunnel gre checksum some",
                "tunnel checksum \"some\" is not none, full or remote",
            ),
            (
                "tunnel gue port 0 checksum none",
                "encapsulation \"gue port 0 checksum none\" is not ipip, \"gue port PORT checksum \
                 none\" or \"gre checksum none\"",
            ),
        ] {
            let error = text.parse::<Forwarding>().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn serde_has_the_text_and_reads_the_earlier_form() {
        let read = |json: &str| serde_json::from_str::<Forwarding>(json).unwrap();
        let port = NonZeroU16::new(5555).unwrap();
        let gue = Forwarding::Tunnel(Encapsulation::Gue {
            port,
            checksum: TunnelChecksum::None,
        });
        for (forwarding, text, earlier) in [
            (Forwarding::Masquerade, "\"nat\"", "\"masquerade\""),
            (Forwarding::DirectRouting, "\"dr\"", "\"direct-routing\""),
            (
                Forwarding::Tunnel(Encapsulation::Ipip),
                "\"tunnel\"",
                "{\"tunnel\": \"ipip\"}",
            ),
            (
                gue,
                "\"tunnel gue port 5555 checksum none\"",
                "{\"tunnel\": {\"gue\": {\"port\": 5555, \"checksum\": \"none\"}}}",
            ),
            (Forwarding::Other(5), "\"method-5\"", "{\"other\": 5}"),
        ] {
            assert_eq!(serde_json::to_string(&forwarding).unwrap(), text);
            assert_eq!((read(text), read(earlier)), (forwarding, forwarding));
        }
        assert!(serde_json::from_str::<Forwarding>("\"magic\"").is_err());
    }
}
