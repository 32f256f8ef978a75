//! Services by firewall mark: whether anything is marked for them, and what they take from others.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::ServiceId;

kinds! {
    NEVER_MARKED = "LVS054", Note, Traffic,
    title: "Nothing was ever marked for a service by firewall mark",
    impact: "packets without the mark meet the director's own ports, and clients are refused",
    explanation: "A service by firewall mark takes what a firewall has marked before routing, in prerouting or by tc on the interface; a mark set later, or by no rule at all, is none. \
        Rules cannot be read here, but the service counts connections, and it has counted none since it was added or zeroed. \
        If clients did ask, the rules are missing: lvsctl plan shows them. Otherwise this note goes away with the first client.";

    SHADOWED_BY_MARK = "LVS055", Warning, Services,
    title: "A mark takes the packets of another service",
    impact: "the service never gets a connection: a mark comes before an address, and the last rule before others",
    explanation: "The kernel looks at the firewall mark first, and only then at address and port. A match of every port (port 0) marks what a service of one port waits for as well; \
        among rules that match the same packet the last one in the file sets the mark. \
        Name the ports in match one by one, or put the service that should win last.";
}

/// Services whose packets a mark takes.
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
            let seen = format!("{socket} is marked for {} too", receiver.service.id);
            is_other.then(|| {
                SHADOWED_BY_MARK
                    .finding(service.service.id, seen)
                    .fix("in the file: name the ports in match, or leave this service out")
            })
        })
        .collect()
}

/// Rules of a firewall cannot be read, only what comes of them.
pub(super) fn never_marked(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let readings = scene
        .facts
        .two_readings()
        .filter(|_| !scene.facts.is_standby());
    let Some((_, now)) = readings else {
        return Vec::new();
    };
    scene
        .cluster
        .services()
        .iter()
        .filter(|service| is_marked(service))
        .filter_map(|service| now.service(&service.service.id))
        .filter(|listed| listed.status.stats.connections == 0)
        .map(|listed| {
            scene
                .finding(
                    &NEVER_MARKED,
                    listed.status.service.id,
                    "it has not counted a single connection",
                )
                .fix("load the rules that lvsctl plan FILE prints, with nft -f")
        })
        .collect()
}

const fn is_marked(service: &VirtualService) -> bool {
    matches!(service.service.id, ServiceId::Fwmark { .. })
}
