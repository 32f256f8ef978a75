//! Room for the tunnel: what clients send grows when it is wrapped, so that they have to send less.

use crate::check::view::{around, default_route, facts_of, server_here};
use crate::check::{Code, Facts, Finding, Severity};
use crate::cluster::change::{Change, Object};
use crate::cluster::{Cluster, RealServer};
use crate::ipvs::Family;
use crate::net::Route;

/// The largest packet of an Ethernet, and of clients as far as anybody knows.
const ETHERNET: u32 = 1500;
/// The TCP header without options.
const TCP_HEADER: u32 = 20;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let mut found = Vec::new();
    for server in cluster.real_servers() {
        for family in [Family::Ipv4, Family::Ipv6] {
            let Some(segment) = cluster.segment(&server.name, family) else {
                continue;
            };
            found.extend(match facts_of(facts, &server.name) {
                Some(facts) => here(cluster, facts, server, (family, segment)),
                None => written(cluster, server, (family, segment)),
            });
        }
    }
    found
}

/// The plan gives it to the route that it makes; where the file names none, somebody else has to.
fn written(
    cluster: &Cluster,
    server: &RealServer,
    (family, segment): (Family, u32),
) -> Option<Finding> {
    let node = cluster.node(server.name.as_str())?;
    let mut routes = node.routes.iter().map(|wanted| &wanted.value.id);
    let is_ours = routes.any(|id| id.is_default() && Family::from(id.destination.addr()) == family);
    let seen = format!("the file names no gateway of {family}, whose route would say advmss");
    (!is_ours).then(|| {
        finding(server, seen, segment)
            .severity(Severity::Note)
            .mend("in the file: gateway = \"ROUTER\"")
    })
}

fn here(
    cluster: &Cluster,
    facts: &Facts,
    server: &RealServer,
    (family, segment): (Family, u32),
) -> Option<Finding> {
    server_here(cluster, facts)?;
    let route = default_route(facts, family)?;
    let fits = route.advmss.is_some_and(|advmss| advmss <= segment);
    if fits || takes_more(facts, server, (family, segment)) {
        return None;
    }
    let asked = route.advmss.map_or_else(
        || "no advmss".to_owned(),
        |advmss| format!("advmss {advmss}"),
    );
    let seen = format!("the way back to clients has {asked}: they send segments that do not fit");
    let wanted = Route {
        advmss: Some(segment),
        ..route.clone()
    };
    let line = Change::Edit(Object::Route(route.clone()), Object::Route(wanted)).to_shell();
    Some(finding(server, seen, segment).mend(line))
}

/// Whether the network of the real server takes larger packets than clients send.
fn takes_more(facts: &Facts, server: &RealServer, (family, segment): (Family, u32)) -> bool {
    let header = match family {
        Family::Ipv4 => 20,
        Family::Ipv6 => 40,
    };
    let wrapping = ETHERNET.saturating_sub(segment + header + TCP_HEADER);
    let rips = server.addresses.iter().map(|it| it.id.network.addr());
    let mut near = rips.flat_map(|rip| around(&facts.addresses, rip));
    near.any(|address| {
        let mut links = facts.links.iter();
        links.any(|link| link.name == address.id.interface && link.mtu >= ETHERNET + wrapping)
    })
}

fn finding(server: &RealServer, seen: String, segment: u32) -> Finding {
    let object = format!("segments of {segment}");
    Finding::new(Code::TUNNEL_ROOM, object, seen).on(&server.name)
}
