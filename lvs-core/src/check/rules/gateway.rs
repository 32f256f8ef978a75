//! The default route of a real server: to the director with masquerading, past it with direct routing.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::paper::bypasses;
use crate::check::scene::RealServerScene;
use crate::check::severity::Severity;
use crate::cluster::{Cluster, Director, Gateway, RealServer};
use crate::ipvs::Family;
use crate::net::{IpNet, RouteId};

kinds! {
    NAT_GATEWAY = "LVS013", Error, Routing,
    title: "Answers of a masqueraded real server bypass the director",
    impact: "clients get answers from an address to which they sent no packet, and drop them",
    explanation: "\
        With NAT the director rewrites requests and must rewrite the answers back, so they have to pass \
        through it: the default gateway of the real server is an address of the director on its network. \
        Otherwise connections stay in SYN_RECV, and the service counts packets in and none out. Set the \
        gateway to the director's address.";

    DR_GATEWAY = "LVS014", Error, Routing,
    title: "A real server answers through the director, which it should bypass",
    impact: "the director drops packets that have its own virtual IP as source address",
    explanation: "\
        With direct routing and tunnels, answers have the virtual IP as source address and go straight \
        to the client. Sent through the director, they arrive there with a source that is its own \
        address, which the kernel takes for a forgery. Use the router as the real server's gateway.";

    NO_DEFAULT_ROUTE = "LVS016", Warning, Routing,
    title: "A real server has no default route",
    impact: "clients outside its own networks get no answer",
    explanation: "\
        A real server answers clients itself, by its own routing table. Without a default route it \
        reaches only clients on its own networks, and the connections of all others are never \
        established. With NAT the gateway is the director, with direct routing the router.";
}

/// Judges the gateways of the file. (A gateway of the other family does not concern this one.)
pub(super) fn of_file(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .real_servers()
        .iter()
        .map(|server| WayBack { cluster, server })
        .flat_map(|way| {
            let masqueraded = cluster
                .masqueraded(&way.server.name)
                .into_iter()
                .filter_map(move |family| {
                    match way.server.gateway.as_ref().map(Gateway::address) {
                        Some(gateway) if Family::from(gateway) == family => {
                            way.past_director(gateway, family)
                        }
                        _ => way.undecided(family),
                    }
                });
            let direct = way
                .server
                .gateway
                .as_ref()
                .and_then(|gateway| way.through_director(gateway.address()));
            masqueraded.chain(direct)
        })
        .collect()
}

/// Judges the default routes of the node.
pub(super) fn of_node(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let (cluster, server) = (scene.cluster, scene.node);
    let way = WayBack { cluster, server };
    let direct = cluster
        .families_served_by(&server.name, bypasses)
        .into_iter()
        .filter_map(|family| match scene.facts.default_route(family) {
            None => Some(way.missing(family)),
            Some(route) => way.through_director(route.gateway?),
        });
    cluster
        .masqueraded(&server.name)
        .into_iter()
        .filter_map(|family| match scene.facts.default_route(family) {
            None => Some(way.missing(family)),
            Some(route) => way.past_director(route.gateway?, family),
        })
        .chain(direct)
        .collect()
}

/// Describes how a real server's answers reach the clients.
#[derive(Clone, Copy)]
struct WayBack<'a> {
    cluster: &'a Cluster,
    server: &'a RealServer,
}

impl<'a> WayBack<'a> {
    fn past_director(self, gateway: IpAddr, family: Family) -> Option<Finding> {
        let problem = match self.staying_director(gateway) {
            Some(director) => {
                format!(
                    "stays with {} when the other director is active",
                    director.name
                )
            }
            None if self.cluster.is_of_director(gateway) => return None,
            None => "is not the director".to_owned(),
        };
        let seen = format!("its gateway is {gateway}, which {problem}");
        let finding = NAT_GATEWAY
            .finding(default(family), seen)
            .on(&self.server.name);
        Some(self.with_director_as_gateway(finding, family))
    }

    /// Returns the director with which answers would stay when the other one becomes active.
    fn staying_director(self, gateway: IpAddr) -> Option<&'a Director> {
        self.cluster
            .directors()
            .iter()
            .filter(|_| self.cluster.is_paired())
            .find(|director| {
                director.address(gateway).is_some() && !director.floating.contains(&gateway)
            })
    }

    fn with_director_as_gateway(self, finding: Finding, family: Family) -> Finding {
        match self.cluster.gateways(self.server, family).first() {
            Some(director) => finding
                .fix(format!("ip route replace default via {director}"))
                .fix(format!(
                    "in the file: gateway = \"{director}\", or leave it out"
                )),
            None => finding.fix("give the director an address on a network of this real server"),
        }
    }

    /// Reports a gateway that the file does not name where it is not clear which it should be.
    fn undecided(self, family: Family) -> Option<Finding> {
        let finding = |seen: String| {
            NAT_GATEWAY
                .finding(default(family), seen)
                .on(&self.server.name)
        };
        match self.cluster.gateways(self.server, family).as_slice() {
            [_] => None,
            [] => Some(
                finding(format!(
                    "the director has no {family} address on a network of this real server"
                ))
                .fix("give the director an address there"),
            ),
            [first, ..] => Some(
                finding(
                    "the director has several addresses on its networks, and the file names none as gateway".into(),
                )
                .severity(Severity::Warning)
                .fix(format!("in the file: gateway = \"{first}\"")),
            ),
        }
    }

    fn through_director(self, gateway: IpAddr) -> Option<Finding> {
        let family = Family::from(gateway);
        let is_wrong = self
            .cluster
            .families_served_by(&self.server.name, bypasses)
            .contains(&family)
            && self.cluster.is_of_director(gateway);
        let router = self
            .cluster
            .directors()
            .iter()
            .find_map(|director| director.gateway.as_ref().map(Gateway::address))
            .map_or_else(|| "ROUTER".to_owned(), |router| router.to_string());
        let seen = format!("its gateway is {gateway}, the director");
        is_wrong.then(|| {
            DR_GATEWAY
                .finding(default(family), seen)
                .on(&self.server.name)
                .fix(format!(
                    "ip route replace default via {router}{}",
                    self.advmss(family)
                ))
                .fix(format!("in the file: gateway = \"{router}\""))
        })
    }

    fn missing(self, family: Family) -> Finding {
        let finding = NO_DEFAULT_ROUTE
            .finding(
                default(family),
                format!("there is no {family} default route"),
            )
            .on(&self.server.name);
        let advmss = self.advmss(family);
        match &self.server.gateway {
            Some(gateway) => finding.fix(format!("ip route replace default via {gateway}{advmss}")),
            None if self
                .cluster
                .masqueraded(&self.server.name)
                .contains(&family) =>
            {
                self.with_director_as_gateway(finding, family)
            }
            None => finding.fix(format!(
                "ip route replace default via ROUTER{advmss}, and name the gateway in the file"
            )),
        }
    }

    /// Returns the attribute of a route that makes clients send segments which fit into the tunnel.
    fn advmss(self, family: Family) -> String {
        self.cluster
            .segment(&self.server.name, family)
            .map_or_else(String::new, |segment| format!(" advmss {segment}"))
    }
}

fn default(family: Family) -> RouteId {
    RouteId::new(match family {
        Family::Ipv4 => IpNet::V4(Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(Ipv6Net::default()),
    })
}
