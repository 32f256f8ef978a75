//! What the controller of the cluster knows of the health of its real servers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cluster::NodeName;
use crate::cluster::checks::BelowMinimum;
use crate::ipvs::{DestinationId, ServiceId};

/// So many destinations of a service are named.
const NAMED: usize = 3;

/// What the controller of a director told of a service with checks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HealthFact {
    /// The service.
    pub service: ServiceId,
    /// What happens because fewer than the minimum are available; `None` while the minimum holds.
    pub below_minimum: Option<BelowMinimum>,
    /// So many destinations must be available.
    pub minimum: u16,
    /// So many are.
    pub available: usize,
    /// The destinations that are down or drained.
    pub unavailable: Vec<UnavailableDestination>,
}

/// A destination that is down or drained.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnavailableDestination {
    /// The destination.
    pub destination: DestinationId,
    /// The real server's name.
    pub server: Option<NodeName>,
    /// Whether its checks fail.
    pub is_down: bool,
    /// Whether it is drained.
    pub is_drained: bool,
    /// Seconds since when its health has been what it is.
    pub since: Option<u64>,
    /// What its failed probe said: `connect timed out`.
    pub failure: Option<String>,
}

impl UnavailableDestination {
    pub(super) fn name(&self) -> String {
        let name = self.server.as_ref().map(ToString::to_string);
        name.unwrap_or_else(|| self.destination.to_string())
    }

    /// Returns what is wrong with it, and since when: `down for 5 s: connect timed out`.
    pub(super) fn state(&self) -> String {
        if !self.is_down {
            return "drained".to_owned();
        }
        let mut state = "down".to_owned();
        if let Some(seconds) = self.since {
            state.push_str(&format!(" for {seconds} s"));
        }
        if let Some(failure) = &self.failure {
            state.push_str(&format!(": {failure}"));
        }
        state
    }

    /// Returns what makes it available again.
    pub(super) fn fix(&self) -> String {
        let name = self.name();
        match (self.is_drained, &self.server) {
            (true, _) => format!("lvsctl undrain {name}"),
            (false, Some(name)) => format!("lvsctl check FILE --node {name}  # on {name}"),
            (false, None) => format!("ask {name} for the service"),
        }
    }
}

impl HealthFact {
    /// Returns what makes the first of its destinations available again.
    pub(super) fn fixes(&self) -> impl Iterator<Item = String> {
        self.unavailable
            .iter()
            .take(NAMED)
            .map(UnavailableDestination::fix)
    }
}

/// `1 available, minimum 2; realserver1 down for 5 s: connect timed out`
impl fmt::Display for HealthFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} available, minimum {}", self.available, self.minimum)?;
        let unavailable = self.unavailable.iter();
        unavailable
            .take(NAMED)
            .try_for_each(|found| write!(f, "; {} {}", found.name(), found.state()))?;
        match self.unavailable.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(feature = "run")]
impl HealthFact {
    /// Returns what a controller's answer says of the services with checks.
    pub(super) fn all_of(status: crate::run::ClusterStatus) -> Vec<Self> {
        let services = status.services.into_iter();
        services
            .filter_map(|service| {
                let destinations = service.destinations.into_iter();
                Some(Self {
                    service: service.service,
                    below_minimum: service.below_minimum,
                    minimum: service.minimum?,
                    available: service.available?,
                    unavailable: destinations.filter_map(unavailable).collect(),
                })
            })
            .collect()
    }
}

#[cfg(feature = "run")]
fn unavailable(found: crate::run::DestinationReport) -> Option<UnavailableDestination> {
    let is_down = found.health.is_some_and(|health| health.is_down());
    let is_drained = found.drain.is_some();
    (is_down || is_drained).then_some(UnavailableDestination {
        destination: found.destination,
        server: found.server,
        is_down,
        is_drained,
        since: found.since,
        failure: found.failure,
    })
}
