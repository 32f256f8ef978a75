//! A default route of IPv6 that a router advertises, on a machine that routes.

use crate::check::scene::{default_route, director_here, families, masquerades};
use crate::check::{Code, Facts, Finding};
use crate::cluster::Cluster;
use crate::ipvs::Family;
use crate::sysctl::SysctlKey;

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
        Finding::new(Code::ADVERTISED_ROUTE, &key, seen)
            .on(&facts.node)
            .fix(format!("sysctl -w {key}=2"))
            .fix("or in the file: gateway of the director")
    })
}
