//! Schedulers that compute a client's real server from an address, whether it is drained or not.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::severity::Severity;
use crate::cluster::{Cluster, VirtualDestination, VirtualService};
use crate::ipvs::{SchedulerName, ServiceFlags};

kinds! {
    HASH_WITHOUT_FALLBACK = "LVS022", Error, Services,
    title: "A hashing scheduler keeps choosing a drained real server",
    impact: "the clients that hash to it are refused instead of being sent to another one",
    explanation: "\
        mh, sh and dh compute the destination from the client's (dh: the service's) address. A server of \
        weight 0 keeps its place in their table, so that other clients do not move, and its own clients \
        are refused unless the service has the scheduler's fallback flag. Add sh-fallback or \
        mh-fallback; dh has none.";
}

pub(super) fn check(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .filter_map(|service| judge(cluster, service))
        .collect()
}

fn judge(cluster: &Cluster, service: &VirtualService) -> Option<Finding> {
    let scheduler = &service.service.scheduler;
    let fix = if *scheduler == SchedulerName::MH {
        "in the file: scheduler-flags = [\"mh-fallback\"]"
    } else if *scheduler == SchedulerName::SH {
        "in the file: scheduler-flags = [\"sh-fallback\"]"
    } else if *scheduler == SchedulerName::DH {
        "in the file: take the real server out of this service's destinations"
    } else {
        return None;
    };
    let falls_back = service.service.flags.contains(ServiceFlags::SH_FALLBACK);
    if falls_back && *scheduler != SchedulerName::DH {
        return None;
    }
    let (drained, others): (Vec<&VirtualDestination>, Vec<_>) = service
        .destinations
        .iter()
        .partition(|destination| cluster.is_excluded(destination));
    let first = drained.first().filter(|_| !others.is_empty())?;
    let seen = format!(
        "{scheduler} keeps choosing {}, which is drained",
        first.real_server
    );
    // Which one dh chooses is the same for all clients, and may be another one.
    let severity = match *scheduler == SchedulerName::DH {
        true => Severity::Warning,
        false => Severity::Error,
    };
    Some(
        HASH_WITHOUT_FALLBACK
            .finding(service.service.id, seen)
            .severity(severity)
            .fix(fix),
    )
}
