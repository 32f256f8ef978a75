//! Routes of the main table. Two are the same by destination and metric; another gateway replaces.

use super::Planner;
use crate::cluster::change::{Object, Step};
use crate::cluster::{Desired, NodeKind, Observed};
use crate::net::Route;

impl Planner<'_> {
    /// The routes that do not need a virtual IP.
    pub(super) fn own_routes(&self, seen: &Observed) -> Vec<Step> {
        self.differing_routes(seen, false)
    }

    /// The routes that follow the virtual IPs: all of a real server, and of a director those whose gateway
    /// is on the network of a virtual or floating address.
    pub(super) fn last_routes(&self, seen: &Observed) -> Vec<Step> {
        self.differing_routes(seen, true)
    }

    /// Routes that need addresses which the other director is to carry: the kernel would remove them
    /// together with these, or they would stay without use.
    pub(super) fn released_routes(&self, seen: &Observed) -> Vec<Step> {
        let steps = self.node.absent_routes.iter().filter_map(|absent| {
            let found = seen.route(&absent.value.id)?;
            let is_it = found.gateway == absent.value.gateway;
            is_it.then(|| Step::delete(found.clone(), &absent.why))
        });
        steps.collect()
    }

    fn differing_routes(&self, seen: &Observed, needs_virtual_ip: bool) -> Vec<Step> {
        self.node
            .routes
            .iter()
            .filter(|desired| self.needs_virtual_ip(&desired.value) == needs_virtual_ip)
            .filter_map(|desired| step(desired, seen))
            .collect()
    }

    fn needs_virtual_ip(&self, route: &Route) -> bool {
        let Some(gateway) = route.gateway else {
            return true;
        };
        let is_near = self
            .node
            .addresses
            .iter()
            .map(|desired| &desired.value.id)
            .filter(|id| !self.node.attracts_traffic(id))
            .any(|id| id.network.contains(&gateway));
        self.node.kind == NodeKind::RealServer || !is_near
    }
}

/// A segment size that the file does not demand is left as it is found.
fn step(desired: &Desired<Route>, seen: &Observed) -> Option<Step> {
    let mut route = desired.value.clone();
    let Some(found) = seen.route(&route.id) else {
        return Some(Step::add(route, &desired.why));
    };
    route.advmss = route.advmss.or(found.advmss);
    let (found, route) = (Object::from(found.clone()), Object::from(route));
    (!found.is_like(&route)).then(|| Step::edit(found, route, &desired.why))
}
