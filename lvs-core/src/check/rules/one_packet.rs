//! One-packet services whose answers nothing rewrites.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::ServiceFlags;

kinds! {
    ONE_PACKET_NAT = "LVS068", Error, Routing,
    title: "Answers of a one-packet service are not rewritten",
    impact: "answers come from the real server's address, and clients that wait for one from the virtual IP drop them",
    explanation: "\
        A one-packet service keeps no connection, and without a connection the director does not know \
        that a real server's datagram is an answer: it passes with the real IP as source address, although \
        the service masquerades. Direct routing and tunnels need no rewriting: the real server answers \
        from the virtual IP itself. Services whose clients wait for no answer, such as syslog, work; give \
        these direct routing as well, or leave one-packet out.";
}

pub(super) fn check(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .filter(|service| service.service.flags.contains(ServiceFlags::ONE_PACKET))
        .filter_map(|service| judge(cluster, service))
        .collect()
}

fn judge(cluster: &Cluster, service: &VirtualService) -> Option<Finding> {
    let server = cluster.masqueraded_servers(service).next()?;
    let seen = format!("it is one-packet, and {} is masqueraded", server.name);
    Some(
        ONE_PACKET_NAT
            .finding(service.service.id, seen)
            .fix("in the file: forwarding = \"dr\" or \"tunnel\"")
            .fix("or in the file: leave one-packet out"),
    )
}
