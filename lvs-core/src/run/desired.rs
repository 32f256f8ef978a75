//! What the controller is to keep: services, destinations and their checks.

use std::net::IpAddr;

use crate::cluster::{Cluster, Draining, NodeName, Role, VirtualDestination, VirtualService};
use crate::health::{
    Check, PlannedProbe, Policy, ProbePath, ProbePlan, ProbeRoute, Subject, Target, Timing,
};
use crate::ipvs::{DestinationId, ServiceId, Weight};

/// A service whose weights follow the health of its destinations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckedService {
    /// The service.
    pub id: ServiceId,
    /// The rules for its weights.
    pub policy: Policy,
    /// The virtual IPs that are withdrawn while it and all others that name them are below their minimum. One that
    /// a service without `withdraw` has, too, is named by none.
    pub virtual_ips: Vec<IpAddr>,
    /// Its destinations.
    pub destinations: Vec<CheckedDestination>,
}

/// A destination whose weight follows its health.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckedDestination {
    /// The destination.
    pub id: DestinationId,
    /// The real server's name.
    pub server: NodeName,
    /// The weight of the file.
    pub weight: Weight,
    /// How far the file drains it.
    pub drain: Option<Draining>,
    /// Whether it is the service's fallback.
    pub is_fallback: bool,
    /// What is probed; all must be healthy. Without any it counts as up.
    pub targets: Vec<CheckedTarget>,
}

/// A target of a destination, and how often it is probed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckedTarget {
    /// What is probed.
    pub target: Target,
    /// How often, and how many results count.
    pub timing: Timing,
}

impl CheckedService {
    /// Returns the services with checks of a cluster, as a director in a role probes them; a lone director is
    /// [`Role::Active`]. None where the cluster has no such director.
    #[must_use]
    pub fn of(cluster: &Cluster, director: &str, role: Role) -> Vec<Self> {
        let Some(plan) = ProbePlan::new(cluster, director, role) else {
            return Vec::new();
        };
        let mut probes = plan.probes.iter();
        let kept = cluster.kept_virtual_ips();
        cluster
            .services()
            .iter()
            .filter(|service| !service.checks.is_empty())
            .map(|service| Self {
                id: service.service.id,
                policy: service.policy,
                virtual_ips: match service.withdraws() {
                    true => service
                        .vips()
                        .into_iter()
                        .filter(|vip| !kept.contains(vip))
                        .collect(),
                    false => Vec::new(),
                },
                // The plan has a way to each destination, in the same order.
                destinations: service
                    .destinations
                    .iter()
                    .zip(&mut probes)
                    .map(|(end, probe)| CheckedDestination::of(cluster, service, end, probe))
                    .collect(),
            })
            .collect()
    }
}

impl CheckedDestination {
    fn of(
        cluster: &Cluster,
        service: &VirtualService,
        destination: &VirtualDestination,
        probe: &PlannedProbe,
    ) -> Self {
        let targets = service
            .checks_of(destination)
            .iter()
            .filter_map(|check| CheckedTarget::of(cluster, check, probe));
        Self {
            id: probe.destination,
            server: destination.real_server.clone(),
            weight: cluster.weight(destination),
            drain: cluster.is_drained(destination).then_some(Draining::Quiet),
            is_fallback: service.is_fallback(destination),
            targets: targets.collect(),
        }
    }
}

impl CheckedTarget {
    /// Returns the target of a check; `None` if it goes to a port that nothing names.
    fn of(cluster: &Cluster, check: &Check, probe: &PlannedProbe) -> Option<Self> {
        let way = probe.path(check);
        let (path, route) = match check.kind.is_remote() {
            true => way?,
            // It goes nowhere.
            false => {
                let destination = (probe.destination.address, probe.destination.port).into();
                (ProbePath::direct(destination), ProbeRoute::Server)
            }
        };
        let by_service = route == ProbeRoute::Service;
        let target = Target {
            kind: check.kind.clone(),
            path,
            via: probe.via.map(|via| via.key).filter(|_| by_service),
            subject: Subject {
                cluster: cluster.name().clone(),
                service: probe.service,
                server: probe.server.clone(),
                destination: probe.destination,
            },
        };
        let timing = check.timing;
        Some(Self { target, timing })
    }
}
