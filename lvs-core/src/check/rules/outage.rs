//! Outages of a change that no order across the nodes avoids.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::Cluster;

kinds! {
    CHANGE_OUTAGE = "LVS065", Warning, Services,
    title: "The change has an outage",
    impact: "clients get no answer in the meantime",
    explanation: "Almost every change of a cluster can be made without a client noticing: what is new is added before what is old is removed. This one cannot, \
        because only one host may carry a virtual IP, or because the clients themselves have to go to another address. Make it at a quiet hour, or in two steps.";
}

/// What `order --from` says beside its steps.
pub(in crate::check) fn of_change(old: &Cluster, new: &Cluster) -> Vec<Finding> {
    new.outages(old)
        .into_iter()
        .map(|(node, outage)| {
            CHANGE_OUTAGE
                .finding(node.as_str(), outage)
                .on(&node)
                .fix("lvsctl order FILE --from OLD shows the step; keep the old address beside the new one until no client uses it")
        })
        .collect()
}
