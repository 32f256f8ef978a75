//! Routes of the main table. Equal by destination and metric; another gateway replaces.

use crate::cluster::change::{Object, Step};
use crate::cluster::{Desired, DesiredState, NodeKind, Observed};
use crate::net::Route;

/// The routes that do not need a virtual IP.
pub(super) fn own(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    missing(node, seen, false)
}

/// The routes that come after the virtual IPs: all of a real server, and of a director those whose
/// gateway is on a virtual or floating address's network.
pub(super) fn by_virtual_ips(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    missing(node, seen, true)
}

/// Those that need addresses which the other director is to carry: they would go with these, or stay
/// without use.
pub(super) fn released(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let there = node.absent_routes.iter().filter_map(|absent| {
        let found = seen.route(&absent.value.id)?;
        let is_it = found.gateway == absent.value.gateway;
        is_it.then(|| Step::delete(found.clone(), &absent.why))
    });
    there.collect()
}

fn missing(node: &DesiredState, seen: &Observed, after_virtual: bool) -> Vec<Step> {
    let routes = node.routes.iter();
    routes
        .filter(|wanted| needs_switch(node, &wanted.value) == after_virtual)
        .filter_map(|wanted| step(wanted, seen))
        .collect()
}

fn needs_switch(node: &DesiredState, route: &Route) -> bool {
    let Some(gateway) = route.gateway else {
        return true;
    };
    let own = node
        .addresses
        .iter()
        .filter(|wanted| !node.attracts_traffic(&wanted.value.id));
    node.kind == NodeKind::RealServer
        || !own
            .map(|wanted| &wanted.value.id.network)
            .any(|network| network.contains(&gateway))
}

/// A segment size that nothing demands is left as it is found.
fn step(wanted: &Desired<Route>, seen: &Observed) -> Option<Step> {
    let Some(found) = seen.route(&wanted.value.id) else {
        return Some(Step::add(wanted.value.clone(), &wanted.why));
    };
    let mut route = wanted.value.clone();
    route.advmss = route.advmss.or(found.advmss);
    let (found, route) = (Object::from(found.clone()), Object::from(route));
    (!found.is_like(&route)).then(|| Step::edit(found, route, &wanted.why))
}
