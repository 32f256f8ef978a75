//! Services that hang on one machine.

use std::collections::BTreeSet;

use crate::check::kind::kinds;
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, VirtualService};

kinds! {
    ONE_SERVER = "LVS029", Warning, Services,
    title: "A service has a single real server",
    impact: "when it goes, or is drained, the service is gone",
    explanation: "Balancing among one is routing. The cluster works, but there is nowhere to go for clients when that machine is taken out for maintenance or fails, \
        and drain will refuse them all. Name a second real server.";
}

pub(super) fn check(cluster: &Cluster, _: Option<&Facts>) -> Vec<Finding> {
    cluster.services().iter().filter_map(judge).collect()
}

fn judge(service: &VirtualService) -> Option<Finding> {
    let destinations = service.destinations.iter();
    let servers: BTreeSet<_> = destinations.map(|it| &it.real_server).collect();
    let only = servers.first().filter(|_| servers.len() == 1)?;
    let seen = format!("{only} alone serves it");
    Some(
        ONE_SERVER
            .finding(service.service.id, seen)
            .fix("in the file: add a second of [[real-servers]]"),
    )
}
