//! Changes of the forwarding method, which director and real server can only make together.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::Cluster;

kinds! {
    METHOD_CHANGE = "LVS035", Warning, Services,
    title: "The forwarding method changes",
    impact: "connections to it fail from the first node that changes until the last one has changed",
    explanation: "\
        Direct routing and masquerading require opposite configurations of a real server: the virtual IP \
        and a gateway of its own, or no virtual IP and the director as gateway. No order of changes \
        keeps both working. Drain the real server first, change it and the director, and end the drain; \
        one server after another. Direct routing and tunnels of every kind do not exclude each other.";
}

/// Reports destinations that both states have, with a method that excludes the one before.
pub(in crate::check) fn changed(old: &Cluster, new: &Cluster) -> Vec<Finding> {
    new.method_changes(old)
        .into_iter()
        .map(|change| {
            let name = change.real_server;
            let seen = format!("{name} changes from {} to {}", change.from, change.to);
            METHOD_CHANGE
                .finding(change.service, seen)
                .on(name)
                .fix("first, in the old file: drain = true for this real server, and apply")
                .fix("then apply the new file with drain = true on both nodes, and finally without it")
        })
        .collect()
}
