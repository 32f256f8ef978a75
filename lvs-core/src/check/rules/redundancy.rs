//! Services that hang on one machine.

use std::collections::BTreeSet;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::Cluster;

kinds! {
    ONE_SERVER = "LVS029", Warning, Services,
    title: "A service has a single real server",
    impact: "when it goes, or is drained, the service is gone",
    explanation: "Balancing among one is routing. The cluster works, but there is nowhere to go for clients when that machine is taken out for maintenance or fails, \
        and drain will refuse them all. Name a second real server.";
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
                    .finding(service.service.id, format!("{only} alone serves it"))
                    .fix("in the file: add a second of [[real-servers]]"),
            )
        })
        .collect()
}
