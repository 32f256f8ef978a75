//! Services by firewall mark: whether any packet is marked for them, and what they take from others.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::ServiceId;

kinds! {
    NEVER_MARKED = "LVS054", Note, Traffic,
    title: "No packet was ever marked for a service by firewall mark",
    impact: "packets without the mark reach the director's own ports, and clients are refused",
    explanation: "\
        A service by firewall mark receives what a firewall has marked before routing, in prerouting or \
        by tc on the interface; a mark that is set later, or by no rule at all, has no effect. Check \
        cannot read the rules, but the service counts connections, and it has counted none since it was \
        added or zeroed. If clients did connect, the rules are missing: lvsctl plan shows them. \
        Otherwise this note disappears with the first client.";

    SHADOWED_BY_MARK = "LVS055", Warning, Services,
    title: "A mark takes the packets of another service",
    impact: "the service never gets a connection: a mark comes before an address, and the last rule before others",
    explanation: "\
        The kernel looks at the firewall mark first, and only then at address and port. A match of every \
        port (port 0) also marks the packets of a service of one port; among rules that match the same \
        packet the last one in the file sets the mark. Name the ports in match one by one, or put the \
        service that should win last.";
}

/// Reports services whose packets a mark takes.
pub(super) fn shadowed(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .flat_map(|service| {
            service
                .sockets()
                .into_iter()
                .map(move |socket| (service, socket))
        })
        .filter_map(|(service, socket)| {
            let receiver = cluster.receiver(&socket)?;
            let is_other = is_marked(receiver) && receiver.service.id != service.service.id;
            let seen = format!(
                "packets to {socket} are marked for {} too",
                receiver.service.id
            );
            is_other.then(|| {
                SHADOWED_BY_MARK
                    .finding(service.service.id, seen)
                    .fix("in the file: name the ports in match, or leave this service out")
            })
        })
        .collect()
}

/// Reports services without any connection: the rules of a firewall cannot be read, only their effect.
pub(super) fn never_marked(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let readings = scene
        .facts
        .two_readings()
        .filter(|_| !scene.facts.is_standby());
    if readings.is_none() {
        return Vec::new();
    }
    scene
        .cluster
        .services()
        .iter()
        .filter(|service| is_marked(service))
        .filter_map(|service| scene.index.listed(&service.service.id))
        .filter(|listed| listed.status.stats.connections == 0)
        .map(|listed| {
            scene
                .finding(
                    &NEVER_MARKED,
                    listed.status.service.id,
                    "it has not counted any connection",
                )
                .fix("load the rules that lvsctl plan FILE prints with nft -f")
        })
        .collect()
}

const fn is_marked(service: &VirtualService) -> bool {
    matches!(service.service.id, ServiceId::Fwmark { .. })
}
