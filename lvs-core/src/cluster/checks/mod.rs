//! Checks as data: what is tested, how often, how many results count, and what follows for a service.
//!
//! They are part of the cluster file, which is understood with or without the feature `health`; what probes
//! by them is in `health`.

mod conversion;
mod dns;
mod http;
mod percent;
mod policy;
mod program;
mod span;
mod table;
mod text;
mod timing;
mod tls;
mod udp;

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

pub use dns::{DnsCheck, DnsName, DnsTransport, RecordType};
pub use http::{HostName, HttpCheck, HttpMethod, HttpPath, StatusRanges};
pub use percent::Percent;
pub use policy::{BelowMinimum, OnFailure, Policy, SlowStart};
pub use program::{Argument, FileCheck, FilePath, ProgramCheck, UserName};
pub use span::{Interval, SlowStartTime, Span, Timeout};
pub use table::{CheckDefaults, CheckTable};
pub use text::Needle;
pub use timing::Timing;
pub use tls::{ServerName, TlsCheck};
pub use udp::{Payload, UdpCheck};

/// Describes one check of a service: what is tested on each destination, and how often.
///
/// In the cluster file, and wherever serde writes or reads it, it is a [`CheckTable`]: the word `tcp`, or a
/// table with a `type`.
///
/// ```
/// use lvs_core::cluster::checks::{Check, CheckKind};
/// let check: Check = serde_json::from_str(r#"{"type": "http", "path": "/healthz", "interval": "5s"}"#)?;
/// assert!(matches!(check.kind, CheckKind::Http(_)));
/// assert_eq!((check.timing.rise.get(), check.timing.fall.get()), (2, 3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "CheckTable", into = "CheckTable")]
pub struct Check {
    /// What is tested.
    pub kind: CheckKind,
    /// How often, and how many results count.
    pub timing: Timing,
    /// The way to the real server.
    pub route: ProbeRoute,
    /// Another port than the one that clients' connections reach.
    pub port: Option<NonZeroU16>,
}

impl Check {
    /// Returns a check of a kind with the defaults of the cluster file.
    #[must_use]
    pub fn new(kind: CheckKind) -> Self {
        Self {
            kind,
            timing: Timing::default(),
            route: ProbeRoute::default(),
            port: None,
        }
    }

    /// Returns whether it tests by UDP what clients connect to: what is sent and where to says of no other listener.
    pub(in crate::cluster) fn is_datagram_to_the_service(&self) -> bool {
        matches!(&self.kind, CheckKind::Udp(udp) if *udp == UdpCheck::default())
            && self.port.is_none()
    }

    /// Returns whether its probes go the clients' way, for which a director needs a probe service.
    pub(in crate::cluster) fn goes_by_the_service(&self) -> bool {
        self.route == ProbeRoute::Service && self.kind.is_remote()
    }
}

/// Says what is tested.
///
/// Everything that a server answers is bounded in bytes and time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CheckKind {
    /// A TCP connection is accepted.
    Tcp,
    /// A TLS handshake succeeds.
    Tls(TlsCheck),
    /// An HTTP request is answered as expected.
    Http(HttpCheck),
    /// The same by TLS.
    Https(HttpCheck, TlsCheck),
    /// A DNS question is answered.
    Dns(DnsCheck),
    /// A UDP datagram is answered, or at least not refused.
    Udp(UdpCheck),
    /// A program on the director succeeds.
    Program(ProgramCheck),
    /// A regular file on the director is present, and empty or with a share of the weight.
    File(FileCheck),
}

impl CheckKind {
    /// Returns the word of the cluster file: `tcp`, `http`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls(_) => "tls",
            Self::Http(_) => "http",
            Self::Https(..) => "https",
            Self::Dns(_) => "dns",
            Self::Udp(_) => "udp",
            Self::Program(_) => "program",
            Self::File(_) => "file",
        }
    }

    /// Returns whether the probe itself sends packets to the real server; a file is local to the director.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    /// Returns whether the probe is a conversation of lvsctl's own socket, and no program and no file.
    #[must_use]
    pub const fn is_by_socket(&self) -> bool {
        !matches!(self, Self::Program(_) | Self::File(_))
    }
}

impl fmt::Display for CheckKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The way of a probe to the real server.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProbeRoute {
    /// As a client's packet: to the virtual IP, through IPVS.
    #[default]
    Service,
    /// Straight to the real IP.
    Server,
}

impl fmt::Display for ProbeRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Service => "service",
            Self::Server => "server",
        })
    }
}
