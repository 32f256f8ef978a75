//! The source address of the director's own packets to real servers.

use std::net::IpAddr;

use crate::check::facts::Facts;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::sharing_network;
use crate::check::scene::{DirectorScene, Scene};
use crate::cluster::{Cluster, Director, RealServer};
use crate::ipvs::Family;
use crate::net::Route;

kinds! {
    VIP_AS_SOURCE = "LVS057", Warning, Routing,
    title: "The director sends packets to real servers with the virtual IP as source address",
    impact: "a real server that has the address itself drops such packets, so that health checks of it fail while clients are served",
    explanation: "\
        For its own connections, health checks among them, the director takes the source address of the \
        route: of several addresses in one network the one that was added first. If this is the virtual \
        IP, a real server of direct routing or a tunnel receives packets from its own address and drops \
        them as forged. Masquerading is not affected. Give the virtual IP as /32, or give the director \
        an address of its own there, added first as the plan does.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for director in scene.cluster.directors() {
        for server in scene.cluster.real_servers() {
            // The choice of an IPv6 source depends on more than the route.
            if let Some(rip) = server.real_ip(Family::Ipv4) {
                found.extend(match scene.director(&director.name) {
                    Some(scene) => scene.by_route(server, rip),
                    None => of_file(scene.cluster, director, server, rip),
                });
            }
        }
    }
    found
}

/// Judges the file: the kernel takes the first address of a network as source, and the plan adds virtual IPs
/// last, so it takes one only where there is no other.
fn of_file(
    cluster: &Cluster,
    director: &Director,
    server: &RealServer,
    rip: IpAddr,
) -> Option<Finding> {
    let vips = cluster.carried_vips(&server.name);
    let (carried, own): (Vec<IpAddr>, Vec<_>) = sharing_network(&director.addresses, rip)
        .map(|address| address.id.network.addr())
        .partition(|ip| vips.contains(ip));
    let source = carried.first().filter(|_| own.is_empty())?;
    Some(
        finding(director, server, *source)
            .fix("in the file: give the director an address of its own on that network"),
    )
}

impl DirectorScene<'_> {
    fn by_route(&self, server: &RealServer, rip: IpAddr) -> Option<Finding> {
        let route = self.facts.route_to(rip)?;
        let source = route.source.or_else(|| self.facts.primary(route))?;
        if !self.cluster.carried_vips(&server.name).contains(&source) {
            return None;
        }
        let vips = self.cluster.virtual_ips();
        let own = sharing_network(&self.facts.addresses, route.gateway.unwrap_or(rip))
            .map(|address| address.id.network.addr())
            .find(|ip| !vips.contains(ip));
        let finding = finding(self.node, server, source);
        Some(match own {
            Some(own) => finding.fix(with_source(route, own)),
            None => finding.fix("give the director an address of its own on that network"),
        })
    }
}

impl Facts {
    fn route_to(&self, ip: IpAddr) -> Option<&Route> {
        self.routes
            .iter()
            .filter(|route| route.id.destination.contains(&ip))
            .max_by_key(|route| {
                let id = &route.id;
                (id.destination.prefix_len(), u32::MAX - id.metric)
            })
    }

    /// Returns the source that a route without one of its own takes: the first address on its gateway's network.
    fn primary(&self, route: &Route) -> Option<IpAddr> {
        sharing_network(&self.addresses, route.gateway?)
            .find(|address| Some(&address.id.interface) == route.interface.as_ref())
            .map(|address| address.id.network.addr())
    }
}

fn with_source(route: &Route, own: IpAddr) -> String {
    let mut line = match route.id.is_default() {
        true => String::from("ip route replace default"),
        false => format!("ip route replace {}", route.id.destination),
    };
    if let Some(gateway) = route.gateway {
        line += &format!(" via {gateway}");
    }
    if let Some(interface) = &route.interface {
        line += &format!(" dev {}", interface.quoted());
    }
    if route.id.metric != 0 {
        line += &format!(" metric {}", route.id.metric);
    }
    line + &format!(" src {own}")
}

fn finding(director: &Director, server: &RealServer, source: IpAddr) -> Finding {
    let seen = format!(
        "packets to {} have the source address {source}, which {0} carries itself",
        server.name
    );
    VIP_AS_SOURCE.finding(source, seen).on(&director.name)
}
