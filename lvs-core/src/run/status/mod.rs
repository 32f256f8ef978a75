//! What each real server is, has and should have, and why: for people and programs.

mod layout;
mod reason;
mod recorded;
mod text;

pub(super) use recorded::table;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::running::Running;
use super::{DestinationView, ServiceView};
use crate::cluster::{ClusterName, Drain, Draining, NodeName, Role};
use crate::health::{BelowMinimum, Health, Posture};
use crate::ipvs::{
    DestinationId, DestinationStatus as KernelDestination, Rates, ServiceEntryStatus, ServiceId,
    Weight,
};

/// Describes the clusters on a node as they are now.
///
/// Serialized it is what `lvsctl status --json` prints; its [`text`](Self::text) is what `lvsctl status` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// `lvsctl.status/1`.
    pub schema: String,
    /// The clusters, by name.
    pub clusters: Vec<ClusterStatus>,
    /// The controllers in this network namespace that have another state directory, by their command lines.
    #[serde(default)]
    pub elsewhere: Vec<String>,
}

/// Describes a cluster on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClusterStatus {
    /// The cluster.
    pub cluster: ClusterName,
    /// The node that this host is.
    pub node: NodeName,
    /// The role of one of two directors.
    pub role: Option<Role>,
    /// Whether a controller runs; without one nothing is known of health.
    pub running: bool,
    /// So many steps would make the node as it must be; absent without a controller.
    pub drift: Option<usize>,
    /// The drains of the operator.
    pub drains: Vec<DrainStatus>,
    /// The virtual IPs that are withdrawn because all of their services are below their minimum.
    #[serde(default)]
    pub withdrawn: Vec<IpAddr>,
    /// Why the newest file is refused: an older one is in force.
    #[serde(default)]
    pub refused: Option<String>,
    /// The services, in order of their identity.
    pub services: Vec<ServiceReport>,
}

/// Describes a drain of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DrainStatus {
    /// The address, and perhaps the port.
    pub drain: Drain,
    /// How far it goes.
    pub how: Draining,
}

/// Describes a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceReport {
    /// The service.
    pub service: ServiceId,
    /// Whether the kernel has it.
    pub present: bool,
    /// What happens because fewer than the minimum are available; absent while the minimum holds.
    pub below_minimum: Option<BelowMinimum>,
    /// Whether that is serve-all only because the fallback cannot serve.
    #[serde(default)]
    pub without_fallback: bool,
    /// So many destinations must be available; absent without checks.
    pub minimum: Option<u16>,
    /// So many are.
    pub available: Option<usize>,
    /// Connections, packets and bytes per second.
    pub rates: Option<Rates>,
    /// Its destinations.
    pub destinations: Vec<DestinationReport>,
}

/// Describes a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DestinationReport {
    /// The destination.
    pub destination: DestinationId,
    /// The real server's name; absent if no file that was applied has one.
    pub server: Option<NodeName>,
    /// The weight that it must have; absent if that is not known, or if it must not be in the kernel.
    pub desired_weight: Option<Weight>,
    /// The weight that the kernel has; absent if it does not have the destination.
    pub weight: Option<Weight>,
    /// The health; absent without checks or controller.
    pub health: Option<Health>,
    /// Seconds since when it has been unknown, up or down.
    pub since: Option<u64>,
    /// The reason of its weight.
    pub why: Option<String>,
    /// What its failed probe said; absent while it answers.
    #[serde(default)]
    pub failure: Option<String>,
    /// How far it is drained.
    pub drain: Option<Draining>,
    /// The number of active connections.
    pub active: Option<u32>,
    /// The number of all other connections.
    pub inactive: Option<u32>,
    /// Connections, packets and bytes per second.
    pub rates: Option<Rates>,
}

impl Status {
    fn new(clusters: Vec<ClusterStatus>) -> Self {
        Self {
            schema: "lvsctl.status/1".to_owned(),
            clusters,
            elsewhere: Vec::new(),
        }
    }
}

impl Running {
    /// Returns the status as JSON.
    pub(in crate::run) fn status_text(&mut self) -> String {
        // Without a table there is nothing to tell of the kernel.
        let table = table(&mut self.host).unwrap_or_default();
        let status = Status::new(vec![self.status(&table)]);
        serde_json::to_string(&status).unwrap_or_default()
    }

    pub(in crate::run) fn status(&self, table: &[ServiceEntryStatus]) -> ClusterStatus {
        let views = self.controller.services();
        let views: BTreeMap<_, _> = views.iter().map(|view| (view.id, view)).collect();
        let entries = table.iter().map(|entry| (entry.status.service.id, entry));
        let entries: BTreeMap<_, _> = entries.collect();
        let services = self
            .node
            .services
            .iter()
            .filter(|desired| !desired.is_probe());
        let services = services.map(|desired| {
            let id = desired.service.id;
            let entry = entries.get(&id).copied();
            match views.get(&id) {
                Some(view) => self.of_checked(view, entry),
                None => self.of_unchecked(desired, entry),
            }
        });
        ClusterStatus {
            cluster: self.node.cluster.clone(),
            node: self.node.name.clone(),
            role: self.node.role,
            running: true,
            drift: Some(self.drift.as_ref().map_or(0, |plan| plan.steps().count())),
            drains: drains(self.controller.drains()),
            withdrawn: self.controller.withdrawn().iter().copied().collect(),
            refused: self.refused.clone(),
            services: services.collect(),
        }
    }

    fn of_checked(&self, view: &ServiceView, entry: Option<&ServiceEntryStatus>) -> ServiceReport {
        ServiceReport {
            below_minimum: view.posture.and_then(Posture::below_minimum),
            without_fallback: view.posture == Some(Posture::WithoutFallback),
            minimum: Some(view.minimum),
            available: Some(view.available),
            destinations: view
                .destinations
                .iter()
                .map(|destination| self.of_destination(view.id, destination, entry))
                .collect(),
            ..ServiceReport::of_kernel(view.id, entry)
        }
    }

    fn of_unchecked(
        &self,
        desired: &crate::cluster::DesiredService,
        entry: Option<&ServiceEntryStatus>,
    ) -> ServiceReport {
        let destinations = desired.destinations.iter().map(|destination| {
            let id = destination.value.id;
            let drain = desired.draining(self.controller.drains(), &id);
            DestinationReport {
                desired_weight: match drain {
                    None => Some(destination.value.weight).filter(|_| !desired.keep_weight),
                    Some(Draining::Quiet) => Some(Weight::DRAIN),
                    Some(Draining::Removed) => None,
                },
                server: self.node.servers.get(&id.address).cloned(),
                drain,
                ..DestinationReport::of_kernel(id, found(entry, &id))
            }
        });
        ServiceReport {
            destinations: destinations.collect(),
            ..ServiceReport::of_kernel(desired.service.id, entry)
        }
    }

    fn of_destination(
        &self,
        service: ServiceId,
        view: &DestinationView,
        entry: Option<&ServiceEntryStatus>,
    ) -> DestinationReport {
        let straight = self.straight.get(&(service, view.id));
        DestinationReport {
            server: Some(view.server.clone()),
            desired_weight: view.desired.and_then(|desired| desired.weight),
            health: Some(view.health),
            since: view
                .since
                .map(|since| self.now().saturating_sub(since).as_secs()),
            why: view.why(straight),
            failure: view.failed(straight),
            drain: view.drain,
            ..DestinationReport::of_kernel(view.id, found(entry, &view.id))
        }
    }
}

impl ServiceReport {
    /// Returns whether no destination is to get new connections: all are drained, down or have weight 0 in the file.
    #[must_use]
    pub fn refuses(&self) -> bool {
        let weights = self
            .destinations
            .iter()
            .filter_map(|end| end.desired_weight);
        weights.max().unwrap_or(Weight::DRAIN) == Weight::DRAIN
    }

    /// Returns whether the fallback gets all new connections although it is down, because no destination is up.
    #[must_use]
    pub fn falls_back_to_down(&self) -> bool {
        let serves = |end: &DestinationReport| {
            end.desired_weight
                .is_some_and(|weight| weight > Weight::DRAIN)
        };
        self.below_minimum == Some(BelowMinimum::Fallback)
            && self
                .destinations
                .iter()
                .any(|end| serves(end) && end.health == Some(Health::Down))
    }

    fn of_kernel(service: ServiceId, entry: Option<&ServiceEntryStatus>) -> Self {
        let destinations = entry.map(|entry| entry.destinations.as_slice());
        Self {
            service,
            present: entry.is_some(),
            below_minimum: None,
            without_fallback: false,
            minimum: None,
            available: None,
            rates: entry.map(|entry| entry.status.stats.rates),
            destinations: destinations
                .unwrap_or_default()
                .iter()
                .map(|found| DestinationReport::of_kernel(found.destination.id, Some(found)))
                .collect(),
        }
    }
}

impl DestinationReport {
    fn of_kernel(destination: DestinationId, found: Option<&KernelDestination>) -> Self {
        Self {
            destination,
            server: None,
            desired_weight: None,
            weight: found.map(|found| found.destination.weight),
            health: None,
            since: None,
            why: None,
            failure: None,
            drain: None,
            active: found.map(|found| found.active),
            inactive: found.map(|found| found.inactive),
            rates: found.map(|found| found.stats.rates),
        }
    }
}

fn found<'a>(
    entry: Option<&'a ServiceEntryStatus>,
    id: &DestinationId,
) -> Option<&'a KernelDestination> {
    entry?
        .destinations
        .iter()
        .find(|found| found.destination.id == *id)
}

fn drains<'a>(drains: impl IntoIterator<Item = (&'a Drain, &'a Draining)>) -> Vec<DrainStatus> {
    drains
        .into_iter()
        .map(|(drain, how)| DrainStatus {
            drain: *drain,
            how: *how,
        })
        .collect()
}
