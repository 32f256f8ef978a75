//! The link that direct routing needs between director and real server.

use super::real_ip;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::cluster::{Cluster, Director, RealServer};
use crate::ipvs::{Family, Forwarding};

kinds! {
    SHARED_LINK = "LVS015", Error, Routing,
    title: "Director and real server share no network",
    impact: "direct routing reaches a node by its MAC address only; through a router the packet comes back to the director",
    explanation: "\
        Direct routing sends the packet to the real server's MAC address and leaves the virtual IP in \
        it. A router in between would route it by that IP and send it to the director again. Director \
        and real server need addresses in one network on one link; over other distances use a tunnel. \
        NAT needs that network too, for the director is the real server's gateway.";
}

pub(super) fn check(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .directors()
        .iter()
        .flat_map(|director| {
            cluster.real_servers().iter().flat_map(move |server| {
                cluster
                    .families_served_by(&server.name, |method| method == Forwarding::DirectRouting)
                    .into_iter()
                    .filter_map(move |family| judge(director, server, family))
            })
        })
        .collect()
}

fn judge(director: &Director, server: &RealServer, family: Family) -> Option<Finding> {
    let rip = server.real_ip(family)?;
    let is_shared = sharing_network(&director.addresses, rip).next().is_some();
    if is_shared || real_ip::problem(rip).is_some() {
        return None;
    }
    let seen = format!("{} has no address on the network of {rip}", director.name);
    Some(
        SHARED_LINK
            .finding(rip, seen)
            .on(&server.name)
            .fix(format!(
                "in the file: give {} an address on that network, if it is on the same link",
                director.name
            ))
            .fix("or forwarding = \"tunnel\""),
    )
}
