//! Two directors that are each other's real servers.

use std::collections::BTreeSet;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::{DaemonRole, ServiceId};
use crate::sysctl::SysctlKey;

kinds! {
    BALANCED_TWICE = "LVS063", Error, Services,
    title: "A standby director balances what the active one sent it",
    impact: "packets are forwarded again, in the worst case to and fro between the two directors until their time to live is over",
    explanation: "\
        Two directors that are each other's real servers have the same table. What the active one sends \
        to the standby as a real server must be delivered there, not balanced once more. With a sync \
        daemon, net/ipv4/vs/backup_only=1 on the standby prevents it; without one its services must not \
        exist while it is standby. The plan of each role does this.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    Vec::from_iter(find(scene))
}

fn find(scene: &DirectorScene<'_>) -> Option<Finding> {
    let facts = scene.facts;
    if !facts.is_standby() {
        return None;
    }
    let served: BTreeSet<ServiceId> = scene
        .cluster
        .served_by(&facts.node)
        .map(|(service, _)| service.service.id)
        .collect();
    let again = served.iter().find(|id| scene.index.listed(id).is_some())?;
    let receives_connections = facts
        .observed
        .iter()
        .flat_map(|observed| &observed.daemons)
        .any(|daemon| daemon.role == DaemonRole::Backup);
    let key = SysctlKey::BACKUP_ONLY;
    match (receives_connections, facts.sysctl(&key)) {
        (true, Some(0)) => Some(
            scene
                .finding(
                    &BALANCED_TWICE,
                    &key,
                    format!("it is 0, and {again} is balanced on the standby too"),
                )
                .fix(format!("sysctl -w {}=1", key.quoted())),
        ),
        (false, _) => Some(
            scene
                .finding(
                    &BALANCED_TWICE,
                    *again,
                    "it is balanced here, although this director is not active",
                )
                .fix("lvsctl apply FILE --role standby"),
        ),
        (true, _) => None,
    }
}
