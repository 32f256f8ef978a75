//! The areas to which findings belong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An area that a check examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Addresses and their prefixes.
    Addresses,
    /// ARP requests and answers for the virtual IPs.
    Arp,
    /// The paths of requests and answers.
    Routing,
    /// The services, and the destinations that take their connections.
    Services,
    /// The connections and counters of IPVS.
    Traffic,
    /// The clock.
    Clock,
    /// Whether the node is, and stays, as the file says.
    Upkeep,
}

impl Area {
    /// Returns the sentence that a report prints where it has no finding.
    #[must_use]
    pub const fn reassurance(self) -> &'static str {
        match self {
            Self::Addresses => "every address is where it belongs",
            Self::Arp => "only the director answers ARP for the virtual IPs",
            Self::Routing => "requests reach the real servers, and answers the clients",
            Self::Services => "every service has a destination that takes connections",
            Self::Traffic => "connections are established",
            Self::Clock => "all nodes follow one time server",
            Self::Upkeep => "the node is as the file says, and no other program manages it",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Addresses => "addresses",
            Self::Arp => "arp",
            Self::Routing => "routing",
            Self::Services => "services",
            Self::Traffic => "traffic",
            Self::Clock => "clock",
            Self::Upkeep => "upkeep",
        })
    }
}
