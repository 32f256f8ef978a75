//! Changes of the forwarding method, which director and real server can only make together.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::{Cluster, VirtualDestination, VirtualService};

kinds! {
    METHOD_CHANGE = "LVS035", Warning, Services,
    title: "The forwarding method changes",
    impact: "connections to it fail from the first node that changes until the last one has changed",
    explanation: "\
        Direct routing and masquerading require opposite configurations of a real server: the virtual IP \
        and a gateway of its own, or no virtual IP and the director as gateway. No order of changes \
        keeps both working. Drain the real server first, change it and the director, and end the drain; \
        one server after another.";
}

/// Reports destinations that both states have, with another method.
pub(in crate::check) fn changed(old: &Cluster, new: &Cluster) -> Vec<Finding> {
    new.services()
        .iter()
        .filter_map(|now| {
            let before = old
                .services()
                .iter()
                .find(|before| before.service.id == now.service.id)?;
            Some((before, now))
        })
        .flat_map(|(before, now)| {
            now.destinations
                .iter()
                .filter_map(move |destination| judge(before, now, destination))
        })
        .collect()
}

fn judge(
    before: &VirtualService,
    now: &VirtualService,
    destination: &VirtualDestination,
) -> Option<Finding> {
    let name = &destination.real_server;
    let known = before
        .destinations
        .iter()
        .find(|known| known.real_server == *name)?;
    let (from, to) = (known.forwarding, destination.forwarding);
    (from != to).then(|| {
        METHOD_CHANGE
            .finding(
                now.service.id,
                format!("{name} changes from {from} to {to}"),
            )
            .on(name)
            .fix("first, in the old file: drain = true for this real server, and apply")
            .fix("then apply the new file with drain = true on both nodes, and finally without it")
    })
}
