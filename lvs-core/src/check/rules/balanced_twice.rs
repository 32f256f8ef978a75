//! Two directors that are each other's real servers.

use std::collections::BTreeSet;

use crate::check::kind::kinds;
use crate::check::scene::{director_here, served};
use crate::check::{Facts, Finding};
use crate::cluster::Cluster;
use crate::ipvs::{DaemonRole, ServiceId};

kinds! {
    BALANCED_TWICE = "LVS063", Error, Services,
    title: "A standby director balances what the active one sent it",
    impact: "packets are sent on again, in the worst case to and fro between the two until they have lived long enough",
    explanation: "Two directors that are each other's real servers have the same table. What the active one sends to the standby as a real server must be delivered there, not balanced once more. \
        With a sync daemon net/ipv4/vs/backup_only=1 on the standby sees to that; without one its services must go while it is standby. The plan of each role does it.";
}

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
            let finding = BALANCED_TWICE.finding(SWITCH, seen).on(&facts.node);
            vec![finding.fix(format!("sysctl -w {SWITCH}=1"))]
        }
        (false, _) => {
            let seen = "it is balanced here, though this one is not active";
            let finding = BALANCED_TWICE.finding(again, seen).on(&facts.node);
            vec![finding.fix("lvsctl apply FILE --role standby")]
        }
        (true, _) => Vec::new(),
    }
}
