//! The synchronisation of connections: what the kernel would refuse, or never do.

use crate::cluster::model::{Cluster, DocumentError, Sync};
use crate::ipvs::Family;

pub(super) fn check(cluster: &Cluster, sync: &Sync) -> Result<(), DocumentError> {
    if !sync.group.is_multicast() {
        return Err(
            DocumentError::new("group", format!("{} is no group", sync.group))
                .remedy("a group is like 224.0.0.81; leave it out"),
        );
    }
    if sync.max_length < Sync::SHORTEST {
        let (length, shortest) = (sync.max_length, Sync::SHORTEST);
        return Err(DocumentError::new(
            "max-length",
            format!("{length} is below {shortest}, for which a receiver makes room at least"),
        ));
    }
    match mixed(cluster) {
        Some(place) => Err(DocumentError::new(
            "",
            format!("the kernel synchronises no connections beside {place}, which is of another family than its service"),
        )
        .remedy("leave [sync] out, or give the real server an address of the service's family")),
        None => Ok(()),
    }
}

/// The first destination of another family than its service.
fn mixed(cluster: &Cluster) -> Option<String> {
    for (i, service) in cluster.services.iter().enumerate() {
        for (k, destination) in service.destinations.iter().enumerate() {
            let family = cluster.real_ip(service, destination).map(Family::from);
            if family.is_some_and(|family| family != service.service.id.family()) {
                return Some(format!("services[{i}].destinations[{k}]"));
            }
        }
    }
    None
}
