//! What the controller of the cluster knows of the health of its real servers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cluster::checks::BelowMinimum;
use crate::cluster::{Cluster, NodeName};
use crate::ipvs::{DestinationId, ServiceId, Weight};

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
    /// Whether that is serve-all only because the fallback cannot serve.
    #[serde(default)]
    pub without_fallback: bool,
    /// Whether no destination is left that gets new connections.
    #[serde(default)]
    pub refuses: bool,
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
    /// Whether the operator drains it, and not the file alone.
    #[serde(default)]
    pub is_drained_by_operator: bool,
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

    /// Returns what makes it available again, given whether the file drains it.
    fn fixes(&self, is_drained_by_file: bool) -> Vec<String> {
        let name = self.name();
        let by_file = is_drained_by_file || !self.is_drained_by_operator;
        let undrain = format!("lvsctl undrain {name}");
        let edit = format!("take drain = true of {name} out of the cluster file");
        match (self.is_drained, &self.server) {
            (true, _) => [(self.is_drained_by_operator, undrain), (by_file, edit)]
                .into_iter()
                .filter_map(|(is_so, fix)| is_so.then_some(fix))
                .collect(),
            (false, Some(name)) => vec![format!("lvsctl check FILE --node {name}  # on {name}")],
            (false, None) => vec![format!("ask {name} for the service")],
        }
    }
}

impl HealthFact {
    /// Returns whether all that is missing is drained: none of those that are left is known to be down.
    pub(super) fn serves_healthy(&self) -> bool {
        let unavailable = &self.unavailable;
        !unavailable.is_empty() && unavailable.iter().all(|found| found.is_drained)
    }

    /// Returns whether a real server is known to be down.
    pub(super) fn has_down(&self, server: Option<&NodeName>) -> bool {
        let mut down = self.unavailable.iter().filter(|found| found.is_down);
        server.is_some() && down.any(|found| found.server.as_ref() == server)
    }

    /// Returns what makes the first of its destinations available again. One that has weight 0 in the file never is.
    pub(super) fn fixes(&self, cluster: &Cluster) -> Vec<String> {
        let service = cluster.service(&self.service);
        let in_file = |found: &UnavailableDestination| {
            let service = service?;
            let mut ends = service.destinations.iter();
            ends.find(|end| {
                Some(&end.real_server) == found.server.as_ref()
                    && end.port.unwrap_or_else(|| service.port()) == found.destination.port
            })
        };
        self.unavailable
            .iter()
            .map(|found| (found, in_file(found)))
            .filter(|(_, end)| end.is_none_or(|end| cluster.weight(end) > Weight::DRAIN))
            .take(NAMED)
            .flat_map(|(found, end)| found.fixes(end.is_some_and(|end| cluster.is_drained(end))))
            .collect()
    }
}

/// `1 available, minimum 2; realserver1 down for 5 s: connect timed out`
impl fmt::Display for HealthFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} available, minimum {}", self.available, self.minimum)?;
        if self.without_fallback {
            f.write_str("; the fallback cannot serve")?;
        }
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
        let (drains, services) = (status.drains, status.services);
        let is_drained = |id: &DestinationId| drains.iter().any(|known| known.drain.matches(id));
        services
            .into_iter()
            .filter_map(|service| {
                let refuses = service.refuses();
                let destinations = service.destinations.into_iter();
                Some(Self {
                    service: service.service,
                    below_minimum: service.below_minimum,
                    without_fallback: service.without_fallback,
                    refuses,
                    minimum: service.minimum?,
                    available: service.available?,
                    unavailable: destinations
                        .filter_map(|found| {
                            let by_operator = is_drained(&found.destination);
                            unavailable(found, by_operator)
                        })
                        .collect(),
                })
            })
            .collect()
    }
}

#[cfg(feature = "run")]
fn unavailable(
    found: crate::run::DestinationReport,
    is_drained_by_operator: bool,
) -> Option<UnavailableDestination> {
    let is_down = found.health.is_some_and(|health| health.is_down());
    let is_drained = found.drain.is_some();
    (is_down || is_drained).then_some(UnavailableDestination {
        destination: found.destination,
        server: found.server,
        is_down,
        is_drained,
        is_drained_by_operator,
        since: found.since,
        failure: found.failure,
    })
}
