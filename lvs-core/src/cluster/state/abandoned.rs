//! Weights that a controller has left which was killed: no plan changes them until another one knows more.

use std::collections::BTreeSet;
use std::fmt;

use super::StateDir;
#[cfg(feature = "check")]
use crate::cluster::change::ObjectId;
use crate::cluster::{
    DesiredService, DesiredState, HealthPart, IndexedService, Observed, ObservedIndex, Record,
};
use crate::ipvs::{DestinationId, ServiceId, Weight};

/// A destination whose weight is another one than the file's, because health gave it that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AbandonedWeight {
    service: ServiceId,
    destination: DestinationId,
    by_file: Weight,
    /// None if it was deleted.
    found: Option<Weight>,
}

#[cfg(feature = "check")]
impl AbandonedWeight {
    /// Returns whether it is less than the file gives; one that is missing was never added, or deleted by hand, unless
    /// health deletes what is down.
    fn is_less(&self, removes: bool) -> bool {
        match self.found {
            Some(found) => found < self.by_file,
            None => removes && self.by_file != Weight::DRAIN,
        }
    }

    pub(crate) const fn id(&self) -> ObjectId {
        ObjectId::Destination(self.service, self.destination)
    }
}

impl fmt::Display for AbandonedWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            destination,
            by_file,
            found,
        } = self;
        write!(f, "{destination} of {service} ")?;
        match found {
            Some(found) => write!(f, "has weight {found}, not {by_file}"),
            None => write!(
                f,
                "is not in the table, and has weight {by_file} in the file"
            ),
        }
    }
}

impl DesiredState {
    /// Returns what differs from the file by health, of services whose weights no plan changes.
    pub(crate) fn abandoned(
        &self,
        services: &BTreeSet<ServiceId>,
        observed: &Observed,
    ) -> Vec<AbandonedWeight> {
        self.beside(services, observed, |desired, found| {
            desired.abandoned(found).collect()
        })
    }

    /// Returns what differs by health of those of these services that have checks and exist.
    fn beside(
        &self,
        services: &BTreeSet<ServiceId>,
        observed: &Observed,
        differences: impl Fn(&DesiredService, &IndexedService<'_>) -> Vec<AbandonedWeight>,
    ) -> Vec<AbandonedWeight> {
        let observed = ObservedIndex::new(observed);
        self.services
            .iter()
            .filter(|desired| desired.health == HealthPart::Checked)
            .filter(|desired| services.contains(&desired.service.id))
            .filter_map(|desired| Some((desired, observed.indexed(&desired.service.id)?)))
            .flat_map(|(desired, found)| differences(desired, found))
            .collect()
    }
}

#[cfg(feature = "check")]
impl DesiredState {
    /// Returns the destinations of these services that get less than the file gives them, as health leaves those that
    /// are down, with the fallbacks that serve instead.
    pub(crate) fn left_by_health(
        &self,
        services: &BTreeSet<ServiceId>,
        observed: &Observed,
    ) -> Vec<AbandonedWeight> {
        self.beside(services, observed, DesiredService::left_by_health)
    }
}

impl DesiredService {
    fn abandoned(&self, found: &IndexedService<'_>) -> impl Iterator<Item = AbandonedWeight> {
        let service = self.service.id;
        let destinations = self.destinations.iter().map(|desired| desired.value);
        destinations
            .filter(|desired| !self.is_reserve(&desired.id) && !self.is_drained(&desired.id))
            .map(move |desired| AbandonedWeight {
                service,
                destination: desired.id,
                by_file: desired.weight,
                found: found.destination(&desired.id).map(|found| found.weight),
            })
            .filter(|weight| weight.found != Some(weight.by_file))
    }
}

#[cfg(feature = "check")]
impl DesiredService {
    fn left_by_health(&self, found: &IndexedService<'_>) -> Vec<AbandonedWeight> {
        let less = |weight: &AbandonedWeight| weight.is_less(self.removes);
        let mut left: Vec<_> = self.abandoned(found).filter(less).collect();
        let fallback = self.fallback.filter(|_| !left.is_empty());
        left.extend(fallback.and_then(|id| {
            let found = found.destination(&id)?.weight;
            (found != Weight::DRAIN).then_some(AbandonedWeight {
                service: self.service.id,
                destination: id,
                by_file: Weight::DRAIN,
                found: Some(found),
            })
        }));
        left
    }
}

impl StateDir {
    /// Returns the services whose weights a controller has set that runs no longer, and did not end by itself.
    pub(crate) fn abandoned(&self, record: &Record) -> BTreeSet<ServiceId> {
        match self.controller(record.cluster()) {
            Some(_) => BTreeSet::new(),
            None => record.services_by_health().clone(),
        }
    }

    /// Returns why a plan leaves weights that are not those of the file.
    pub(super) fn abandoned_note(
        &self,
        node: &DesiredState,
        record: &Record,
        observed: &Observed,
    ) -> Option<String> {
        let services = self.abandoned(record);
        let left = record.with_drains(node).abandoned(&services, observed);
        let first = left.first()?;
        let others = match left.len() - 1 {
            0 => String::new(),
            others => format!(", and {others} more"),
        };
        Some(format!(
            "{first}{others}: the controller that decides by health was killed, and none runs; its weights stay until \
             `lvsctl run` probes again, so that no dead real server comes back"
        ))
    }
}
