//! The destinations of which is known how they were made.

use std::collections::HashMap;

use super::Observed;
use crate::cluster::change::{Object, Step};
use crate::ipvs::{Destination, DestinationId, ServiceId};

/// The destinations that were observed before a change, and as its steps have made them.
pub(in crate::cluster) struct KnownDestinations<'a> {
    /// Those of each service, ascending: there may be millions.
    services: HashMap<ServiceId, Vec<&'a Destination>>,
}

impl<'a> KnownDestinations<'a> {
    /// Returns those before a change and as its steps, all of which have succeeded, have made them. One that was
    /// deleted is still known, in case it still exists.
    pub(in crate::cluster) fn after(
        before: &'a Observed,
        steps: impl Iterator<Item = &'a Step>,
    ) -> Self {
        let observed = before
            .services()
            .iter()
            .map(|found| (found.service.id, found.destinations.iter().collect()));
        let mut services: HashMap<_, Vec<_>> = observed.collect();
        for step in steps {
            if let Some(Object::Destination(bound)) = step.change.after() {
                let of_service = services.entry(bound.service).or_default();
                of_service.push(&bound.destination);
            }
        }
        for destinations in services.values_mut() {
            // The newest of each first.
            destinations.reverse();
            destinations.sort_by_key(|known| known.id);
            destinations.dedup_by_key(|known| known.id);
        }
        Self { services }
    }

    pub(super) fn find(&self, service: &ServiceId, id: &DestinationId) -> Option<&'a Destination> {
        let destinations = self.services.get(service)?;
        let place = destinations.binary_search_by_key(id, |known| known.id);
        destinations.get(place.ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::IpvsState;
    use crate::cluster::change::BoundDestination;
    use crate::ipvs::{Forwarding, SchedulerName, Service, ServiceEntry, Weight};

    #[test]
    fn the_last_step_is_known_and_what_none_is_about_as_it_was() {
        let service: ServiceId = "tcp 192.0.2.1:80".parse().unwrap();
        let of_weight = |text: &str, weight| Destination {
            weight: Weight::new(weight).unwrap(),
            ..Destination::new(text.parse().unwrap(), Forwarding::Masquerade)
        };
        let bound = |destination| BoundDestination {
            service,
            destination,
        };
        let (first, second) = (of_weight("10.0.0.1:80", 1), of_weight("10.0.0.2:80", 1));
        let mut entry = ServiceEntry::new(Service::new(service, SchedulerName::RR));
        entry.destinations = vec![second, first];
        let before = Observed {
            ipvs: IpvsState::Loaded {
                timeouts: IpvsState::DEFAULT_TIMEOUTS,
                services: vec![entry],
            },
            ..Observed::default()
        };
        let edited = [2, 3].map(|weight| of_weight("10.0.0.1:80", weight));
        let steps = [
            Step::edit(bound(first), bound(edited[0]), "once"),
            Step::edit(bound(edited[0]), bound(edited[1]), "twice"),
            Step::delete(bound(second), "it may have stayed"),
        ];
        let known = KnownDestinations::after(&before, steps.iter());
        assert_eq!(known.find(&service, &first.id), Some(&edited[1]));
        assert_eq!(known.find(&service, &second.id), Some(&second));
        assert_eq!(known.find(&service, &of_weight("10.0.0.3:80", 1).id), None);
    }
}
