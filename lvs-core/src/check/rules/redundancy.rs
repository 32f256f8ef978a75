//! Services that hang on one machine.

use std::collections::BTreeSet;

use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, VirtualService};

pub(super) fn check(cluster: &Cluster, _: Option<&Facts>) -> Vec<Finding> {
    cluster.services().iter().filter_map(judge).collect()
}

fn judge(service: &VirtualService) -> Option<Finding> {
    let destinations = service.destinations.iter();
    let servers: BTreeSet<_> = destinations.map(|it| &it.real_server).collect();
    let only = servers.first().filter(|_| servers.len() == 1)?;
    let seen = format!("{only} alone serves it");
    Some(
        Finding::new(Code::ONE_SERVER, service.service.id, seen)
            .fix("in the file: add a second of [[real-servers]]"),
    )
}
