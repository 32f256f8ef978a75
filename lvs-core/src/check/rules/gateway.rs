//! The way back: by the director with masquerading, past it with direct routing.

use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::{bypasses, default_route, families, masquerades, server_here};
use crate::check::{Facts, Finding, Severity};
use crate::cluster::{Cluster, Director, RealServer};
use crate::ipvs::Family;

kinds! {
    NAT_GATEWAY = "LVS013", Error, Routing,
    title: "Answers of a masqueraded real server bypass the director",
    impact: "clients get answers from an address they never spoke to, and drop them",
    explanation: "With NAT the director rewrites requests, and must rewrite answers back; they have to pass through it. So the default gateway of the real server is \
        an address of the director on its network. Otherwise connections stay in SYN_RECV, and the service counts packets in and none out. \
        Set the gateway to the director's address.";

    DR_GATEWAY = "LVS014", Error, Routing,
    title: "A real server answers through the director, which it should bypass",
    impact: "the director drops packets that claim to come from its own virtual IP",
    explanation: "In direct routing and tunnels answers carry the virtual IP as their source and go straight to the client. Sent through the director, they arrive there with a source \
        that is its own address, which the kernel takes for a forgery. Let the real server use the router as gateway.";

    NO_DEFAULT_ROUTE = "LVS016", Warning, Routing,
    title: "A real server has no default route",
    impact: "clients outside its own networks get no answer",
    explanation: "A real server answers clients itself, by its own routing table. Without a default route only clients on its own networks are reached, \
        and all others see a connection that never comes about. With NAT the gateway is the director, with direct routing the router.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(facts) = facts
        && let Some(server) = server_here(cluster, facts)
    {
        found.extend(here(cluster, server, facts));
    }
    for server in cluster.real_servers() {
        found.extend(written(cluster, server));
    }
    found
}

/// What the file says. (A gateway of the other family says nothing about this one.)
fn written(cluster: &Cluster, server: &RealServer) -> Vec<Finding> {
    let mut found = Vec::new();
    for family in families(cluster, &server.name, masquerades) {
        let named = server.gateway.filter(|ip| Family::from(*ip) == family);
        found.extend(match named {
            Some(gateway) => masqueraded_by(cluster, server, gateway, family),
            None => undecided(cluster, server, family),
        });
    }
    if let Some(gateway) = server.gateway {
        found.extend(direct_by(cluster, server, gateway));
    }
    found
}

/// What the machine has.
fn here(cluster: &Cluster, server: &RealServer, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for family in families(cluster, &server.name, masquerades) {
        found.extend(match default_route(facts, family) {
            None => Some(no_way_back(cluster, server, family)),
            Some(route) => route
                .gateway
                .and_then(|gateway| masqueraded_by(cluster, server, gateway, family)),
        });
    }
    for family in families(cluster, &server.name, bypasses) {
        found.extend(match default_route(facts, family) {
            None => Some(no_way_back(cluster, server, family)),
            Some(route) => route
                .gateway
                .and_then(|gateway| direct_by(cluster, server, gateway)),
        });
    }
    found
}

fn is_director(cluster: &Cluster, ip: IpAddr) -> bool {
    let mut addresses = cluster.directors().iter().flat_map(|it| &it.addresses);
    addresses.any(|address| address.id.network.addr() == ip)
}

/// The director at whom answers would stay when the other one becomes active.
fn keeper(cluster: &Cluster, ip: IpAddr) -> Option<&Director> {
    let carries = |it: &&Director| {
        let mut addresses = it.addresses.iter();
        addresses.any(|address| address.id.network.addr() == ip)
    };
    let mut directors = cluster.directors().iter().filter(carries);
    let keeper = directors.find(|it| !it.floating.contains(&ip));
    keeper.filter(|_| cluster.is_paired())
}

fn masqueraded_by(
    cluster: &Cluster,
    server: &RealServer,
    gateway: IpAddr,
    family: Family,
) -> Option<Finding> {
    let problem = match keeper(cluster, gateway) {
        Some(keeper) => format!("stays with {} when the other one is active", keeper.name),
        None if is_director(cluster, gateway) => return None,
        None => "is not the director".to_owned(),
    };
    let seen = format!("its gateway is {gateway}, which {problem}");
    let finding = NAT_GATEWAY.finding(default(family), seen).on(&server.name);
    Some(with_gateway(cluster, server, family, finding))
}

fn with_gateway(
    cluster: &Cluster,
    server: &RealServer,
    family: Family,
    finding: Finding,
) -> Finding {
    match cluster.gateways(server, family).first() {
        Some(director) => finding
            .fix(format!("ip route replace default via {director}"))
            .fix(format!(
                "in the file: gateway = \"{director}\", or leave it out"
            )),
        None => finding.fix("give the director an address on a network of this machine"),
    }
}

/// The file leaves it to us, and it is not clear what should be done.
fn undecided(cluster: &Cluster, server: &RealServer, family: Family) -> Option<Finding> {
    let object = default(family);
    let finding = |seen: String| NAT_GATEWAY.finding(object, seen).on(&server.name);
    match cluster.gateways(server, family).as_slice() {
        [_] => None,
        [] => Some(
            finding(format!(
                "the director has no {family} address on a network of this machine"
            ))
            .fix("give the director an address there"),
        ),
        [first, ..] => Some(
            finding("the director has several addresses here, and none is named as gateway".into())
                .severity(Severity::Warning)
                .fix(format!("in the file: gateway = \"{first}\"")),
        ),
    }
}

fn direct_by(cluster: &Cluster, server: &RealServer, gateway: IpAddr) -> Option<Finding> {
    let direct = families(cluster, &server.name, bypasses);
    let wrong = direct.contains(&Family::from(gateway)) && is_director(cluster, gateway);
    let router = cluster.directors().iter().find_map(|it| it.gateway);
    let router = router.map_or_else(|| "ROUTER".to_owned(), |ip| ip.to_string());
    let room = room(cluster, server, gateway.into());
    let seen = format!("its gateway is {gateway}, the director");
    wrong.then(|| {
        DR_GATEWAY
            .finding(default(gateway.into()), seen)
            .on(&server.name)
            .fix(format!("ip route replace default via {router}{room}"))
            .fix(format!("in the file: gateway = \"{router}\""))
    })
}

fn no_way_back(cluster: &Cluster, server: &RealServer, family: Family) -> Finding {
    let seen = format!("there is no default route of {family}");
    let finding = NO_DEFAULT_ROUTE
        .finding(default(family), seen)
        .on(&server.name);
    let room = room(cluster, server, family);
    match server.gateway {
        Some(gateway) => finding.fix(format!("ip route replace default via {gateway}{room}")),
        None if families(cluster, &server.name, masquerades).contains(&family) => {
            with_gateway(cluster, server, family, finding)
        }
        None => finding.fix(format!(
            "ip route replace default via ROUTER{room}, and gateway in the file"
        )),
    }
}

/// The default route as the plan names it.
const fn default(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "default",
        Family::Ipv6 => "::/0",
    }
}

/// What clients send to a tunnel has to leave room for it.
fn room(cluster: &Cluster, server: &RealServer, family: Family) -> String {
    let segment = cluster.segment(&server.name, family);
    segment.map_or_else(String::new, |segment| format!(" advmss {segment}"))
}
