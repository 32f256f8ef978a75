//! DNS questions.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::{checked_text, is_domain};

checked_text! {
    /// Holds the name that a question asks for: labels of letters, digits, hyphens and
    /// underscores, at most 253 characters; `.` is the root.
    DnsName, "name", |text| {
        let name = text.strip_suffix('.').unwrap_or(text);
        (text != "." && !is_domain(name)).then_some("is not a domain name")
    }
}

/// The type of record that a question asks for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4 addresses, the default.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// An alias.
    Cname,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
    /// The name of an address.
    Ptr,
    /// The zone itself.
    Soa,
    /// Services.
    Srv,
    /// Text.
    Txt,
}

impl RecordType {
    /// Returns the number of the type (RFC 1035, RFC 3596, RFC 2782).
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Ptr => 12,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
        }
    }
}

/// The transport of a question.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DnsTransport {
    /// One datagram each way, the default.
    #[default]
    Udp,
    /// A connection.
    Tcp,
}

impl fmt::Display for DnsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// Describes a DNS question; the answer must be NOERROR with at least one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsCheck {
    /// The name.
    pub name: DnsName,
    /// The type of record.
    pub record: RecordType,
    /// The transport.
    pub transport: DnsTransport,
}
