//! The areas that findings belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Addresses and their prefixes.
    Addresses,
    /// Who answers, and who asks, in the virtual IP's name.
    Arp,
    /// The ways of requests and answers.
    Routing,
    /// The services and who takes their connections.
    Services,
    /// What connections there are say.
    Traffic,
    /// The time.
    Clock,
    /// That the machine is, and stays, as the file says.
    Upkeep,
}

impl Area {
    /// What is said where nothing was found.
    #[must_use]
    pub const fn reassurance(self) -> &'static str {
        match self {
            Self::Addresses => "every address is where it belongs",
            Self::Arp => "nobody but the director speaks for the virtual IPs",
            Self::Routing => "requests and answers find their way",
            Self::Services => "every service has somebody who takes connections",
            Self::Traffic => "connections come through",
            Self::Clock => "the time is agreed on",
            Self::Upkeep => "the machine is as the file says, and nobody else manages it",
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
