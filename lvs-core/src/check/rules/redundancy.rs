//! Services that depend on one node.

use std::collections::BTreeSet;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::Cluster;

kinds! {
    ONE_SERVER = "LVS029", Warning, Services,
    title: "A service has a single real server",
    impact: "when it fails or is drained, the service is unavailable",
    explanation: "\
        Balancing among one server is routing. The cluster works, but clients have no other server when \
        that node is taken out for maintenance or fails, and a drain refuses them all. Name a second \
        real server.";
}

pub(super) fn check(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .filter_map(|service| {
            let servers: BTreeSet<_> = service
                .destinations
                .iter()
                .map(|destination| &destination.real_server)
                .collect();
            let only = servers.first().filter(|_| servers.len() == 1)?;
            Some(
                ONE_SERVER
                    .finding(
                        service.service.id,
                        format!("{only} is its only real server"),
                    )
                    .fix("in the file: add a second entry to [[real-servers]]"),
            )
        })
        .collect()
}
