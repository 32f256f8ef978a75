//! The areas to which findings belong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An area that a check examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
    /// All areas, in the order in which a report has them.
    pub const ALL: [Self; 7] = [
        Self::Addresses,
        Self::Arp,
        Self::Routing,
        Self::Services,
        Self::Traffic,
        Self::Clock,
        Self::Upkeep,
    ];
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
