//! A minimum that no health reaches, because the service has fewer destinations.

use std::fmt;

use super::cluster::Cluster;
use super::virtual_service::VirtualService;
use crate::ipvs::Weight;

/// Says how many destinations a service has where its minimum is above their number.
pub(super) struct Shortage {
    minimum: usize,
    /// Those with a weight above 0.
    count: usize,
    /// Whether others have weight 0.
    has_others: bool,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.has_others {
            true => "destinations with a weight above 0",
            false => "destinations",
        };
        let Self { minimum, count, .. } = self;
        write!(f, "{minimum} is above the number of {of}, {count}")
    }
}

impl Cluster {
    /// Returns what a service lacks of its minimum even if all is healthy: weight 0 takes no connections and does not
    /// count, as the fallback does not. A drained real server is one that comes back.
    pub(super) fn shortage(&self, service: &VirtualService) -> Option<Shortage> {
        let servers = || {
            let destinations = service.destinations.iter();
            destinations.filter(|destination| !service.is_fallback(destination))
        };
        let (all, count) = (
            servers().count(),
            servers()
                .filter(|server| self.weight(server) > Weight::DRAIN)
                .count(),
        );
        let minimum = usize::from(service.policy.minimum);
        // Without any weight the service is off, or has its fallback alone.
        let is_short = !service.checks.is_empty() && all > 0 && minimum > count.max(1);
        is_short.then_some(Shortage {
            minimum,
            count,
            has_others: count < all,
        })
    }

    /// Returns a note for each service that has fewer destinations than its minimum. Of a valid cluster it is one whose
    /// destinations another program finds.
    pub(in crate::cluster) fn minimum_notes(&self) -> Vec<String> {
        let note = |service: &VirtualService| {
            let (id, how) = (service.service.id, service.policy.below_minimum);
            let shortage = self.shortage(service)?;
            Some(format!(
                "{id}: minimum: {shortage}; below-minimum, {how}, is in force until its files of targets have more"
            ))
        };
        self.services().iter().filter_map(note).collect()
    }
}
