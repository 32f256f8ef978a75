//! A service with its destinations as the director's kernel must hold them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::state::Desired;
use crate::cluster::SharedList;
use crate::cluster::checks::OnFailure;
use crate::cluster::model::{Cluster, NodeName, VirtualDestination, VirtualService};
use crate::cluster::probe_path::ProbeService;
use crate::error::InvalidValue;
use crate::ipvs::{Destination, DestinationId, Family, Service, Weight};
use crate::scheduler::{Generation, ServiceModel};

/// Holds a service with its destinations as the director's kernel must hold them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct DesiredService {
    /// The service.
    pub service: Service,
    /// Whether weights apply only when a destination is added.
    pub keep_weight: bool,
    /// What the service is to the checks of the cluster.
    pub health: HealthPart,
    /// The destinations in the order in which they are added; the reason is the real server's name.
    pub destinations: SharedList<Desired<Destination>>,
    /// The drained destinations with the weight that they have otherwise: those of real servers that the
    /// file drains, and those of a recorded drain, which may even be missing from `destinations`. Unlike
    /// other weights, their weight 0 is applied with `keep_weight` too.
    pub drained: SharedList<Destination>,
    /// The fallback, which serves only while too few of the others do.
    pub fallback: Option<DestinationId>,
    /// Whether what does not serve is not in the kernel (`on-failure = "remove"`): a controller adds and deletes it.
    pub removes: bool,
}

/// Says what a service is to the checks of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HealthPart {
    /// It has no checks.
    #[default]
    Unchecked,
    /// The weights of its destinations follow their health while a controller runs.
    Checked,
    /// It leads probes to one real server: clients never use it.
    Probe,
}

impl DesiredService {
    /// Returns the service that leads probes to one real server.
    pub(super) fn probe(probe: &ProbeService) -> Self {
        let why = format!("probes of {}", probe.server);
        Self {
            service: probe.service(),
            keep_weight: false,
            health: HealthPart::Probe,
            destinations: vec![Desired::new(probe.destination(), why)].into(),
            drained: SharedList::default(),
            fallback: None,
            removes: false,
        }
    }

    /// Returns whether it leads probes.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.health == HealthPart::Probe
    }

    /// Returns whether a destination is a fallback that is in the kernel only while it serves.
    #[must_use]
    pub fn is_reserve(&self, id: &DestinationId) -> bool {
        self.removes && self.fallback.as_ref() == Some(id)
    }

    /// Returns a model of the service right after it was applied to a kernel of that generation: which
    /// connection goes to which destination, computed without a kernel. A fallback that is added only when it
    /// serves is not in it.
    ///
    /// # Errors
    /// The scheduler is not one of the kernel's own.
    pub fn model(&self, generation: Generation) -> Result<ServiceModel, InvalidValue> {
        let destinations = self.destinations.iter().map(|desired| desired.value);
        let destinations = destinations.filter(|destination| !self.is_reserve(&destination.id));
        ServiceModel::built(self.service.clone(), destinations, generation)
    }
}

/// The destinations of a cluster's services as the kernel must hold them, which services that have the same ones share.
pub(super) struct KernelDestinations<'a> {
    cluster: &'a Cluster,
    known: HashMap<Sources<'a>, Computed>,
}

/// Everything of a service that its destinations are computed from.
#[derive(PartialEq, Eq, Hash)]
struct Sources<'a> {
    /// The list of the file, by its place in memory.
    list: usize,
    port: u16,
    family: Family,
    fallback: Option<&'a NodeName>,
}

#[derive(Clone, Default)]
struct Computed {
    destinations: SharedList<Desired<Destination>>,
    drained: SharedList<Destination>,
    fallback: Option<DestinationId>,
}

impl<'a> KernelDestinations<'a> {
    pub(super) fn of(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            known: HashMap::new(),
        }
    }

    pub(super) fn desired_service(&mut self, service: &'a VirtualService) -> DesiredService {
        let computed = self.computed(service);
        DesiredService {
            service: service.service.clone(),
            keep_weight: service.keep_weight,
            health: match service.checks.is_empty() {
                true => HealthPart::Unchecked,
                false => HealthPart::Checked,
            },
            destinations: computed.destinations,
            drained: computed.drained,
            fallback: computed.fallback,
            removes: service.policy.on_failure == OnFailure::Remove,
        }
    }

    fn computed(&mut self, service: &'a VirtualService) -> Computed {
        let sources = Sources {
            list: service.destinations.place(),
            port: service.port(),
            family: service.service.id.family(),
            fallback: service.fallback.as_ref(),
        };
        match self.known.entry(sources) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(entry) => entry
                .insert(self.cluster.kernel_destinations(service))
                .clone(),
        }
    }
}

impl Cluster {
    fn kernel_destinations(&self, service: &VirtualService) -> Computed {
        let mut computed = Computed::default();
        computed.destinations.reserve(service.destinations.len());
        for destination in &service.destinations {
            // Every destination has an address: a cluster without one is not valid.
            let Some(mut value) = self.kernel_destination(service, destination) else {
                continue;
            };
            if service.is_fallback(destination) {
                computed.fallback = Some(value.id);
            }
            if self.is_drained(destination) {
                computed.drained.push(value);
                value.weight = Weight::DRAIN;
            }
            let why = &destination.real_server;
            computed.destinations.push(Desired::new(value, why));
        }
        computed
    }

    fn kernel_destination(
        &self,
        service: &VirtualService,
        destination: &VirtualDestination,
    ) -> Option<Destination> {
        let address = self.real_ip(service, destination)?;
        let port = destination.port.unwrap_or_else(|| service.port());
        Some(Destination {
            weight: match service.is_fallback(destination) {
                true => Weight::DRAIN,
                false => self.weight(destination),
            },
            thresholds: destination.thresholds,
            ..Destination::new(DestinationId::new(address, port), destination.forwarding)
        })
    }
}
