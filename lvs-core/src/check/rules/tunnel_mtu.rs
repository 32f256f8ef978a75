//! The size of packets in the tunnel: encapsulation makes them longer, so that clients have to send shorter ones.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::{RealServerScene, Scene};
use crate::check::severity::Severity;
use crate::cluster::change::{Change, Object};
use crate::cluster::{Cluster, RealServer};
use crate::ipvs::Family;
use crate::net::Route;

kinds! {
    TUNNEL_MTU = "LVS053", Warning, Routing,
    title: "The largest packets of clients do not fit into the tunnel",
    impact: "small requests work, and long ones hang wherever a router or firewall on the way drops ICMP",
    explanation: "\
        A packet of 1500 bytes no longer fits when it is encapsulated. The director tells the client so \
        by ICMP, but much of the Internet drops ICMP, and then uploads hang while pages load. Smaller \
        segments are safer: a real server whose route to its clients has advmss tells each of them how \
        large a segment may be. The plan sets it where the file names the gateway. Larger packets \
        between director and real servers (an MTU of 1600, for instance) work as well.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for server in scene.cluster.real_servers() {
        for family in [Family::Ipv4, Family::Ipv6] {
            if let Some(segment) = scene.cluster.segment(&server.name, family) {
                found.extend(match scene.real_server(&server.name) {
                    Some(scene) => scene.large_segments(family, segment),
                    None => no_route(scene.cluster, server, family, segment),
                });
            }
        }
    }
    found
}

/// Reports a file without the gateway: the plan sets advmss on the route that it adds, and other routes are set by
/// another program.
fn no_route(
    cluster: &Cluster,
    server: &RealServer,
    family: Family,
    segment: u32,
) -> Option<Finding> {
    let has_route = cluster
        .node(server.name.as_str())?
        .routes
        .iter()
        .map(|route| route.value.id)
        .any(|id| id.is_default() && Family::from(id.destination.addr()) == family);
    let seen = format!("the file names no {family} gateway, whose route would have advmss");
    (!has_route).then(|| {
        TUNNEL_MTU
            .finding(format!("segments of {segment}"), seen)
            .on(&server.name)
            .severity(Severity::Note)
            .fix("in the file: gateway = \"ROUTER\"")
    })
}

impl RealServerScene<'_> {
    fn large_segments(&self, family: Family, segment: u32) -> Option<Finding> {
        let route = self.facts.default_route(family)?;
        let fits = route.advmss.is_some_and(|advmss| advmss <= segment);
        if fits || self.takes_encapsulated(family) {
            return None;
        }
        let advmss = route.advmss.map_or_else(
            || "no advmss".to_owned(),
            |advmss| format!("advmss {advmss}"),
        );
        let seen = format!("the route to clients has {advmss}, so that their segments do not fit");
        let desired = Route {
            advmss: Some(segment),
            ..route.clone()
        };
        Some(
            self.finding(&TUNNEL_MTU, format!("segments of {segment}"), seen)
                .fix(Change::edit(Object::from(route.clone()), Object::from(desired)).to_shell()),
        )
    }

    /// Returns whether the network of the real server takes the largest packets of clients encapsulated.
    fn takes_encapsulated(&self, family: Family) -> bool {
        let overhead = self.cluster.tunnel_overhead(&self.node.name, family);
        let needed = Cluster::ETHERNET_MTU + overhead.unwrap_or_default();
        self.node
            .addresses
            .iter()
            .flat_map(|own| sharing_network(&self.facts.addresses, own.id.network.addr()))
            .filter_map(|address| self.facts.link(&address.id.interface))
            .any(|link| link.mtu >= needed)
    }
}
