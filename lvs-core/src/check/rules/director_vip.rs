//! The virtual IP on the director.

use crate::check::view::{carrier, director_here};
use crate::check::{Code, Facts, Finding};
use crate::cluster::Cluster;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let Some(director) = director_here(cluster, facts) else {
        return Vec::new();
    };
    let vips = cluster.virtual_ips().into_iter();
    let missing = vips.filter(|vip| facts.carrying(*vip).next().is_none());
    let found = missing.filter_map(|vip| {
        let id = &carrier(director, vip)?.id;
        let seen = format!("no interface has {vip}");
        let finding = Finding::new(Code::VIP_MISSING_ON_DIRECTOR, id, seen).on(&facts.node);
        Some(finding.mend(format!(
            "ip address add {} dev {}",
            id.network, id.interface
        )))
    });
    found.collect()
}
