//! The address by which the director itself speaks to real servers.

use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{around, carried_vips, director_here, facts_of};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Director, RealServer};
use crate::ipvs::Family;
use crate::net::{Address, Route};

kinds! {
    VIP_AS_SOURCE = "LVS057", Warning, Routing,
    title: "The director speaks to real servers in the virtual IP's name",
    impact: "a real server that has the address itself drops such packets, so that health checks of it fail while clients are served",
    explanation: "For its own connections, health checks among them, the director takes the source of the route: of several addresses in one network the one that was added first. \
        Is that the virtual IP, a real server of direct routing or a tunnel sees packets from its own address and drops them as forged. \
        Masquerading does not mind. Give the virtual IP as /32, or let the director have an address of its own there, added first as the plan does.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let mut found = Vec::new();
    for director in cluster.directors() {
        for server in cluster.real_servers() {
            // Which address IPv6 takes depends on more than the route.
            let Some(rip) = server.real_ip(Family::Ipv4) else {
                continue;
            };
            let here = facts_of(facts, &director.name);
            let here = here.filter(|facts| director_here(cluster, facts).is_some());
            found.extend(match here {
                Some(facts) => by_route(cluster, director, server, (facts, rip)),
                None => on_paper(cluster, director, server, rip),
            });
        }
    }
    found
}

/// The first address of a network is that by which the machine speaks there, and the plan adds virtual
/// IPs last: it takes one only where there is no other.
fn on_paper(
    cluster: &Cluster,
    director: &Director,
    server: &RealServer,
    rip: IpAddr,
) -> Option<Finding> {
    let near = around(&director.addresses, rip).map(|it| it.id.network.addr());
    let (virtual_ips, own): (Vec<_>, Vec<_>) = near.partition(|ip| carries(cluster, server, *ip));
    let source = virtual_ips.first().filter(|_| own.is_empty())?;
    let fix = "in the file: give the director an address of its own on that network";
    Some(finding(director, server, *source).fix(fix))
}

fn by_route(
    cluster: &Cluster,
    director: &Director,
    server: &RealServer,
    (facts, rip): (&Facts, IpAddr),
) -> Option<Finding> {
    let route = route_to(facts, rip)?;
    let source = route.source.or_else(|| primary(facts, route))?;
    if !carries(cluster, server, source) {
        return None;
    }
    let next = route.gateway.unwrap_or(rip);
    let vips = cluster.virtual_ips();
    let mut own = around(&facts.addresses, next).map(|address| address.id.network.addr());
    let finding = finding(director, server, source);
    Some(match own.find(|ip| !vips.contains(ip)) {
        Some(own) => finding.fix(with_source(route, own)),
        None => finding.fix("give the director an address of its own on that network"),
    })
}

fn carries(cluster: &Cluster, server: &RealServer, ip: IpAddr) -> bool {
    carried_vips(cluster, &server.name).contains(&ip)
}

fn route_to(facts: &Facts, ip: IpAddr) -> Option<&Route> {
    let routes = facts.routes.iter();
    let fitting = routes.filter(|route| route.id.destination.contains(&ip));
    fitting.max_by_key(|route| {
        let id = &route.id;
        (id.destination.prefix_len(), u32::MAX - id.metric)
    })
}

/// What a route without a source of its own takes: the first address on the network of its gateway.
fn primary(facts: &Facts, route: &Route) -> Option<IpAddr> {
    let mut near = around(&facts.addresses, route.gateway?);
    let is_there = |address: &&Address| Some(&address.id.interface) == route.interface.as_ref();
    Some(near.find(is_there)?.id.network.addr())
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
        line += &format!(" dev {interface}");
    }
    if route.id.metric != 0 {
        line += &format!(" metric {}", route.id.metric);
    }
    line + &format!(" src {own}")
}

fn finding(director: &Director, server: &RealServer, source: IpAddr) -> Finding {
    let seen = format!(
        "it speaks to {} from {source}, which is {0}'s own address, too",
        server.name
    );
    VIP_AS_SOURCE.finding(source, seen).on(&director.name)
}
