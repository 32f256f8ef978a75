//! Services of which no destination takes connections.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::check::severity::Severity;
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{ServiceEntryStatus, ServiceId, Weight};

kinds! {
    NO_DESTINATION = "LVS021", Error, Services,
    title: "No destination of a service takes connections",
    impact: "every client is refused",
    explanation: "\
        All destinations of the service have weight 0, or there are none. The kernel answers each new \
        connection as if no such port existed, and logs \"no destination available\". Established \
        connections continue. Give a destination a weight, or end the drain.";
}

pub(super) fn of_table(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .cluster
        .services()
        .iter()
        .filter_map(|service| scene.index.listed(&service.service.id))
        .filter_map(|listed| scene.no_weight(listed))
        .collect()
}

impl DirectorScene<'_> {
    fn no_weight(&self, listed: &ServiceEntryStatus) -> Option<Finding> {
        let has_none = listed
            .destinations
            .iter()
            .all(|status| status.destination.weight == Weight::DRAIN);
        let seen = match listed.destinations.len() {
            0 => "it has no destination".to_owned(),
            count => format!("all of its {count} destinations have weight 0"),
        };
        let id = listed.status.service.id;
        has_none.then(|| {
            self.finding(&NO_DESTINATION, id, seen)
                .fix(self.weighty(id))
        })
    }

    /// Returns what gives a service a destination with a weight: the file, unless it has none itself.
    fn weighty(&self, id: ServiceId) -> String {
        let of_file = self.cluster.service(&id).is_some_and(|service| {
            service
                .destinations
                .iter()
                .any(|destination| !self.cluster.is_excluded(destination))
        });
        if of_file && self.facts.services_by_health.contains(&id) {
            return "`lvsctl status` tells why each has weight 0: its health decides".to_owned();
        }
        match (of_file, self.facts.drains.keys().next()) {
            (true, None) if self.untested_services().contains(&id) => {
                "lvsctl run FILE, which probes them first".to_owned()
            }
            (true, None) => {
                "lvsctl apply FILE, which gives the destinations the weights of the file".to_owned()
            }
            (true, Some(drain)) => format!("lvsctl undrain {drain}"),
            (false, _) => {
                "in the file: give one of its destinations a weight, or end its drain; then lvsctl apply FILE"
                    .to_owned()
            }
        }
    }
}

pub(super) fn of_file(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .filter_map(|service| judge(cluster, service))
        .collect()
}

fn judge(cluster: &Cluster, service: &VirtualService) -> Option<Finding> {
    let has_none = service
        .destinations
        .iter()
        .all(|destination| cluster.is_excluded(destination));
    let (seen, fix) = match service.destinations.len() {
        0 => ("it has no destination", "in the file: name real servers"),
        _ => (
            "all of its destinations have weight 0 or are drained",
            "in the file: give one of them a weight, or end its drain",
        ),
    };
    // Where another program sets the weights, all of them begin with 0.
    let severity = match service.keep_weight {
        true => Severity::Note,
        false => Severity::Error,
    };
    has_none.then(|| {
        NO_DESTINATION
            .finding(service.service.id, seen)
            .severity(severity)
            .fix(fix)
    })
}
