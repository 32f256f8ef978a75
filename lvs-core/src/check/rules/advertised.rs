//! A default route of IPv6 that a router advertises, on a machine that routes.

use crate::check::kind::kinds;
use crate::check::scene::{default_route, director_here, families, masquerades};
use crate::check::{Facts, Finding};
use crate::cluster::Cluster;
use crate::ipvs::Family;
use crate::sysctl::SysctlKey;

kinds! {
    ADVERTISED_ROUTE = "LVS064", Warning, Routing,
    title: "The director's IPv6 default route is not renewed",
    impact: "it goes when its lifetime ends or forwarding is switched on, and with it all answers to distant clients",
    explanation: "accept_ra=1 means that advertisements of routers are heeded only while the machine does not route itself, and masquerading of IPv6 makes it route. \
        The default route that was there already stays until its lifetime, half an hour mostly, is over; then clients beyond the router get no answer. \
        Set accept_ra=2 on that interface, or name the gateway in the file. With 0 systemd-networkd or the like listens, and goes on.";
}

/// The kernel's number for routes that were advertised (`RTPROT_RA`).
const ADVERTISED: u8 = 9;
/// Advertisements are listened to, but not on a machine that routes. (With 0 another program listens.)
const UNLESS_ROUTING: &str = "1";

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let director = facts.filter(|facts| director_here(cluster, facts).is_some());
    let found = director.filter(|_| routes(cluster)).and_then(judge);
    found.into_iter().collect()
}

/// Answers of masqueraded real servers have to be routed.
fn routes(cluster: &Cluster) -> bool {
    let mut servers = cluster.real_servers().iter();
    servers.any(|server| families(cluster, &server.name, masquerades).contains(&Family::Ipv6))
}

fn judge(facts: &Facts) -> Option<Finding> {
    let route = default_route(facts, Family::Ipv6).filter(|it| it.protocol == ADVERTISED)?;
    let interface = route.interface.as_ref()?;
    let key = SysctlKey::new(format!("net/ipv6/conf/{interface}/accept_ra")).ok()?;
    let deaf = facts.sysctls.get(&key)? == UNLESS_ROUTING;
    let seen = "it is 1, and the default route was advertised there";
    deaf.then(|| {
        ADVERTISED_ROUTE
            .finding(&key, seen)
            .on(&facts.node)
            .fix(format!("sysctl -w {key}=2"))
            .fix("or in the file: gateway of the director")
    })
}
