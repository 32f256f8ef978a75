//! Thresholds: those without a lower one, and destinations that have reached theirs.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::check::severity::Severity;
use crate::cluster::{Cluster, VirtualDestination, VirtualService};
use crate::ipvs::{Destination, DestinationStatus, ServiceId, Weight};

kinds! {
    THRESHOLD_RULE = "LVS027", Note, Services,
    title: "An upper threshold has no lower one",
    impact: "a full server is used again only when it has fewer than three quarters of the upper threshold",
    explanation: "\
        A destination that has reached its upper threshold takes no connections until it has fewer than \
        the lower one. Without a lower threshold the kernel uses three quarters of the upper one. TCP \
        connections count until the kernel forgets them, two minutes after they were closed. Write the \
        lower threshold, so that the next reader knows it.";

    OVERLOADED = "LVS028", Warning, Services,
    title: "A real server is at its upper threshold",
    impact: "it takes no connections, although its weight says otherwise",
    explanation: "\
        Active and inactive connections together have reached the destination's upper threshold, and the \
        scheduler leaves it out until there are fewer than the lower one. If all destinations are full, \
        clients are refused. A threshold that is small and old is easily forgotten: raise it, or set it \
        to 0.";
}

pub(super) fn lower_missing(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .flat_map(|service| {
            service
                .destinations
                .iter()
                .filter_map(move |destination| judge(service, destination))
        })
        .collect()
}

fn judge(service: &VirtualService, destination: &VirtualDestination) -> Option<Finding> {
    let upper = destination.thresholds.upper();
    let name = &destination.real_server;
    let seen = format!(
        "{name} is full at {upper} connections, and used again below three quarters of them"
    );
    (upper > 0 && destination.thresholds.lower() == 0).then(|| {
        THRESHOLD_RULE
            .finding(format!("{name} of {}", service.service.id), seen)
            .on(name)
            .fix(format!("in the file: lower-threshold = {}", upper / 4 * 3))
    })
}

pub(super) fn reached(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .facts
        .now()
        .into_iter()
        .flat_map(|now| &now.services)
        .flat_map(|listed| {
            let mut all = listed.destinations.iter();
            let severity = match all.all(|status| is_full(status) || is_drained(status)) {
                true => Severity::Error,
                false => Severity::Warning,
            };
            listed
                .destinations
                .iter()
                .filter(|status| is_full(status))
                .map(move |status| scene.full(listed.status.service.id, status))
                .map(move |finding| finding.severity(severity))
        })
        .collect()
}

impl DirectorScene<'_> {
    fn full(&self, service: ServiceId, status: &DestinationStatus) -> Finding {
        let destination = &status.destination;
        self.finding(
            &OVERLOADED,
            (service, destination.id),
            format!(
                "it has {} connections, and its upper threshold is {}",
                connections(status),
                destination.thresholds.upper()
            ),
        )
        .fix(match self.has_thresholds(service, destination) {
            true => "in the file: a higher upper-threshold, or none",
            false => "lvsctl apply FILE",
        })
    }

    /// Returns whether the file has the same thresholds.
    fn has_thresholds(&self, service: ServiceId, listed: &Destination) -> bool {
        self.desired
            .services
            .iter()
            .filter(|desired| desired.service.id == service)
            .flat_map(|desired| &desired.destinations)
            .map(|desired| &desired.value)
            .any(|desired| desired.id == listed.id && desired.thresholds == listed.thresholds)
    }
}

fn is_drained(status: &DestinationStatus) -> bool {
    status.destination.weight == Weight::DRAIN
}

const fn connections(status: &DestinationStatus) -> u64 {
    status.active as u64 + status.inactive as u64
}

/// Returns whether a destination takes no connections although it has a weight.
pub(super) fn is_full(status: &DestinationStatus) -> bool {
    let upper = status.destination.thresholds.upper();
    !is_drained(status) && upper > 0 && connections(status) >= u64::from(upper)
}
