//! Schedulers that compute a client's real server from an address, whether it has a weight or not.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::severity::Severity;
use crate::cluster::checks::OnFailure;
use crate::cluster::{Cluster, VirtualDestination, VirtualService};
use crate::ipvs::{SchedulerName, ServiceFlags, Weight};

kinds! {
    HASH_WITHOUT_FALLBACK = "LVS022", Error, Services,
    title: "A hashing scheduler keeps choosing a real server of weight 0",
    impact: "the clients that hash to it are refused instead of being sent to another one",
    explanation: "\
        mh, sh and dh compute the destination from the client's (dh: the service's) address. A server of \
        weight 0 keeps its place in their table, so that other clients do not move, and its own clients \
        are refused unless the service has the scheduler's fallback flag. Weight 0 has a server that is \
        drained, one that is down, and the service's fallback until it serves; with on-failure = \"remove\" \
        the last two are not in the table. Add sh-fallback or mh-fallback; dh has none.";
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
    let is_dh = *scheduler == SchedulerName::DH;
    let flag = if *scheduler == SchedulerName::MH {
        "mh-fallback"
    } else if *scheduler == SchedulerName::SH || is_dh {
        "sh-fallback"
    } else {
        return None;
    };
    if !is_dh && service.service.flags.contains(ServiceFlags::SH_FALLBACK) {
        return None;
    }
    let idle = Idle::of(cluster, service)?;
    let fix = match (is_dh, &idle) {
        (false, _) => {
            let flags = service.service.scheduler_flags();
            let flags: Vec<_> = flags.into_iter().chain([flag]).collect();
            format!("in the file: scheduler-flags = {flags:?}")
        }
        (true, Idle::Weightless(..)) => {
            "in the file: take the real server out of this service's destinations".to_owned()
        }
        (true, Idle::Fallback(_) | Idle::Failed) => {
            "in the file: on-failure = \"remove\"".to_owned()
        }
        (true, Idle::Relieved) => "in the file: minimum = 1".to_owned(),
    };
    // Which one dh chooses is the same for all clients, and may be another one.
    let severity = match is_dh || matches!(idle, Idle::Failed | Idle::Relieved) {
        true => Severity::Warning,
        false => Severity::Error,
    };
    Some(
        HASH_WITHOUT_FALLBACK
            .finding(
                service.service.id,
                format!("{scheduler} keeps choosing {}", idle.seen()),
            )
            .severity(severity)
            .fix(fix),
    )
}

/// A destination with weight 0 in the table, beside others that serve.
enum Idle<'a> {
    /// It is drained, or has no weight in the file.
    Weightless(&'a VirtualDestination, &'static str),
    Fallback(&'a VirtualDestination),
    /// Any that its checks find down.
    Failed,
    /// Those that are up while the fallback serves.
    Relieved,
}

impl<'a> Idle<'a> {
    fn of(cluster: &Cluster, service: &'a VirtualService) -> Option<Self> {
        let stays = service.policy.on_failure == OnFailure::Drain;
        let (fallbacks, servers): (Vec<_>, Vec<_>) = service
            .destinations
            .iter()
            .partition(|destination| service.is_fallback(destination));
        let (idle, serving): (Vec<_>, Vec<_>) = servers
            .into_iter()
            .partition(|destination| cluster.is_excluded(destination));
        if serving.is_empty() {
            return None;
        }
        let weightless = idle.first().map(|first| {
            let why = match cluster.weight(first) == Weight::DRAIN {
                true => "which has weight 0",
                false => "which is drained",
            };
            Self::Weightless(first, why)
        });
        let fallback = fallbacks.first().filter(|_| stays);
        weightless
            .or_else(|| fallback.map(|first| Self::Fallback(first)))
            .or_else(|| {
                let fails = stays && serving.len() > 1 && !service.checks.is_empty();
                fails.then_some(Self::Failed)
            })
            .or_else(|| {
                let is_shared = service.policy.minimum > 1 && !fallbacks.is_empty();
                is_shared.then_some(Self::Relieved)
            })
    }

    fn seen(&self) -> String {
        match self {
            Self::Weightless(destination, why) => format!("{}, {why}", destination.real_server),
            Self::Fallback(destination) => format!(
                "{}, the fallback, which has weight 0 until it serves",
                destination.real_server
            ),
            Self::Failed => {
                "a real server that is down: on-failure = \"drain\" leaves it there with weight 0"
                    .to_owned()
            }
            Self::Relieved => {
                "real servers that are up while the fallback serves: they have weight 0 below the minimum"
                    .to_owned()
            }
        }
    }
}
