//! Two directors that are each other's real servers.

use std::collections::BTreeSet;

use crate::check::scene::{director_here, served};
use crate::check::{Code, Facts, Finding};
use crate::cluster::Cluster;
use crate::ipvs::{DaemonRole, ServiceId};

/// A switch of the standby, with any sync daemon that listens.
const SWITCH: &str = "net/ipv4/vs/backup_only";

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let standby = facts.filter(|facts| facts.is_standby());
    let Some(facts) = standby.filter(|facts| director_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    let served = served(cluster, &facts.node).map(|(service, _)| service.service.id);
    let served: BTreeSet<ServiceId> = served.collect();
    let is_there = |id: &&ServiceId| facts.now().is_some_and(|now| now.service(id).is_some());
    let Some(again) = served.iter().find(is_there) else {
        return Vec::new();
    };
    let daemons = facts.observed.iter().flat_map(|it| &it.daemons);
    let listens = daemons.into_iter().any(|it| it.role == DaemonRole::Backup);
    match (listens, facts.ipvs_sysctl("backup_only")) {
        (true, Some(0)) => {
            let seen = format!("it is 0, and {again} is balanced here, too");
            let finding = Finding::new(Code::BALANCED_TWICE, SWITCH, seen).on(&facts.node);
            vec![finding.fix(format!("sysctl -w {SWITCH}=1"))]
        }
        (false, _) => {
            let seen = "it is balanced here, though this one is not active";
            let finding = Finding::new(Code::BALANCED_TWICE, again, seen).on(&facts.node);
            vec![finding.fix("lvsctl apply FILE --role standby")]
        }
        (true, _) => Vec::new(),
    }
}
