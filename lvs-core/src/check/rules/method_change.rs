//! Changes of the forwarding method, which director and real server can only make together.

use crate::check::{Code, Finding};
use crate::cluster::{Cluster, VirtualDestination, VirtualService};

/// Destinations that both states have, with another method.
pub(in crate::check) fn changed(old: &Cluster, new: &Cluster) -> Vec<Finding> {
    let services = new.services().iter();
    let pairs = services.filter_map(|now| {
        let mut before = old.services().iter();
        let before = before.find(|before| before.service.id == now.service.id)?;
        Some((before, now))
    });
    pairs
        .flat_map(|(before, now)| {
            now.destinations
                .iter()
                .filter_map(|it| judge(before, now, it))
        })
        .collect()
}

fn judge(
    before: &VirtualService,
    now: &VirtualService,
    destination: &VirtualDestination,
) -> Option<Finding> {
    let mut known = before.destinations.iter();
    let known = known.find(|it| it.real_server == destination.real_server)?;
    let (from, to) = (known.forwarding, destination.forwarding);
    let name = &destination.real_server;
    let seen = format!("{name} changes from {from} to {to}");
    (from != to).then(|| {
        Finding::new(Code::METHOD_CHANGE, now.service.id, seen)
            .on(name)
            .fix("first, in the old file: drain = true for this real server, and apply")
            .fix("then apply the new file with drain = true on both machines, and without it last")
    })
}
