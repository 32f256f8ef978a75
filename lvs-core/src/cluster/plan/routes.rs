//! Routes of the main table. Two are the same by destination and metric; another gateway replaces. Of the default
//! routes of a family it is the winner that counts.

use std::net::IpAddr;

use super::{Planner, Refusal};
use crate::cluster::change::{ObjectId, Reason, Step};
use crate::cluster::{Desired, NodeKind, Observed};
use crate::net::{Address, AddressId, RefusingRoute, Route, RouteId};

impl Planner<'_> {
    /// Plans the routes that do not need a virtual IP.
    pub(super) fn own_routes(&self, seen: &Observed) -> Vec<Step> {
        self.differing_routes(seen, false)
    }

    /// Plans the routes that follow the virtual IPs: all of a real server, and of a director those whose gateway
    /// is on the network of a virtual or floating address.
    pub(super) fn last_routes(&self, seen: &Observed) -> Vec<Step> {
        self.differing_routes(seen, true)
    }

    /// Routes that need addresses which the other director is to carry: the kernel would remove them
    /// together with these, or they would stay without use.
    pub(super) fn released_routes(&self, seen: &Observed) -> Vec<Step> {
        let steps = self.node.absent_routes.iter().filter_map(|absent| {
            let id = &absent.value.id;
            let found = seen
                .default_routes(id.destination.addr().into())
                .into_iter()
                .filter(|found| found.gateway == absent.value.gateway)
                .find(|found| found.id == *id || found.protocol == Address::PROTOCOL)?;
            Some(Step::delete(found.clone(), &absent.why))
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
            return !route.id.is_default() || self.node.kind == NodeKind::RealServer;
        };
        let is_link_local = matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let is_beside = |id: &AddressId| match route.on_link {
            true => route.interface.as_ref() == Some(&id.interface),
            false => id.network.contains(&gateway),
        };
        let is_near = is_link_local
            || self
                .node
                .addresses
                .iter()
                .map(|desired| &desired.value.id)
                .any(|id| !self.node.attracts_traffic(id) && is_beside(id));
        self.node.kind == NodeKind::RealServer || !is_near
    }
}

fn step(desired: &Desired<Route>, seen: &Observed) -> Option<Step> {
    let route = &desired.value;
    let choice = match route.id.is_default() {
        true => Choice::of_default(route, seen),
        false => Choice::of(route, seen.route(&route.id)),
    };
    choice.step(&desired.why)
}

/// How a route comes to be the one that packets take.
pub(super) enum Choice<'a> {
    /// It is already.
    Wins,
    /// It is added.
    Beside(Route),
    /// It replaces another one.
    Replaces(&'a Route, Route),
    /// It cannot be: this one would win, and cannot be restored if it is replaced.
    Loses(&'a Route),
}

impl<'a> Choice<'a> {
    pub(super) fn step(self, why: impl Into<Reason>) -> Option<Step> {
        match self {
            Self::Wins | Self::Loses(_) => None,
            Self::Beside(route) => Some(Step::add(route, why)),
            Self::Replaces(found, route) => Some(Step::edit(found.clone(), route, why)),
        }
    }

    pub(super) fn of(desired: &Route, found: Option<&'a Route>) -> Self {
        match found {
            None => Self::Beside(desired.clone()),
            Some(found) if leads_like(desired, found) => Self::Wins,
            Some(found) if !found.can_be_restored() => Self::Loses(found),
            Some(found) => {
                let mut route = desired.clone();
                route.id = found.id;
                // A segment size that the file does not demand is left as it is found.
                route.advmss = route.advmss.or(found.advmss);
                Self::Replaces(found, route)
            }
        }
    }

    /// Of all default routes of a family one wins: by metric, and for IPv6 by the routers' preference.
    fn of_default(desired: &Route, seen: &'a Observed) -> Self {
        let is_ipv6 = desired.id.destination.addr().is_ipv6();
        let found = seen.default_routes(desired.id.destination.addr().into());
        let Some(&winner) = found.first() else {
            return Self::Beside(desired.clone());
        };
        let first: Vec<_> = found
            .iter()
            .filter(|route| is_ipv6 && route.rank() == winner.rank())
            .chain([&winner])
            .collect();
        if first.iter().all(|route| leads_like(desired, route)) {
            return Self::Wins;
        }
        let at = |priority: u32| {
            let same: Vec<_> = found
                .iter()
                .copied()
                .filter(|route| route.priority() == priority)
                .collect();
            same
        };
        let lowest = winner.priority();
        let own = desired.priority();
        match (at(own).as_slice(), at(lowest).as_slice()) {
            ([], _) if own < lowest => Self::Beside(desired.clone()),
            // IPv4 routes of one metric are chosen in order, so that the first is replaced.
            ([other, ..], _) if own == lowest && !is_ipv6 => Self::of(desired, Some(other)),
            ([other], _) if own == lowest && other.can_be_restored() => {
                Self::of(desired, Some(other))
            }
            // Our own from an earlier apply, or one below which there is no metric left.
            (_, [other])
                if other.protocol == Address::PROTOCOL
                    || lowest == 1 && other.can_be_restored() =>
            {
                Self::of(desired, Some(other))
            }
            _ => Self::below(desired, winner),
        }
    }

    /// Adds an IPv6 route with the next lower metric than the winner's.
    fn below(desired: &Route, winner: &'a Route) -> Self {
        let mut route = desired.clone();
        match winner.priority().saturating_sub(1) {
            0 => return Self::Loses(winner),
            RouteId::IPV6_METRIC => route.id.metric = 0,
            metric => route.id.metric = metric,
        }
        Self::Beside(route)
    }
}

/// Returns whether packets go the same way by another route: gateway, interface, and the segment size if the
/// file demands one.
fn leads_like(desired: &Route, found: &Route) -> bool {
    let interfaces = desired.interface.as_ref().zip(found.interface.as_ref());
    desired.gateway == found.gateway
        && found.details.next_hops.is_empty()
        && interfaces.is_none_or(|(desired, found)| desired == found)
        && desired
            .advmss
            .is_none_or(|advmss| found.advmss == Some(advmss))
}

impl Planner<'_> {
    /// Returns the default routes that cannot win, because another one wins that cannot be restored.
    pub(super) fn losing_routes(&self) -> Vec<Refusal> {
        let losing = self.node.routes.iter().filter_map(|desired| {
            let route = &desired.value;
            match Choice::of_default(route, self.observed) {
                Choice::Loses(winner) if route.id.is_default() => Some(Refusal::of(
                    ObjectId::Route(route.id),
                    format!("would lose against {winner}, which cannot be restored if it is replaced"),
                    "delete that route, or keep its router from advertising itself as a default router",
                )),
                _ => None,
            }
        });
        losing.chain(self.refused_routes()).collect()
    }

    /// Returns the default routes that are still to be added where one that refuses packets wins.
    fn refused_routes(&self) -> impl Iterator<Item = Refusal> {
        let desired = self.node.routes.iter().map(|desired| &desired.value);
        desired.filter_map(|route| {
            let wins = |refusing: &&RefusingRoute| {
                let ip = |id: &RouteId| id.destination.addr();
                ip(&refusing.id).is_ipv4() == ip(&route.id).is_ipv4()
                    && Route::to(refusing.id).priority() <= route.priority()
            };
            let winner = self.observed.refusing.iter().find(wins)?;
            let is_missing = || {
                let choice = Choice::of_default(route, self.observed);
                matches!(choice, Choice::Beside(_) | Choice::Replaces(..))
            };
            (route.id.is_default() && is_missing()).then(|| {
                Refusal::of(
                    ObjectId::Route(route.id),
                    format!("would lose against {winner}, which refuses packets"),
                    format!("delete that route first: ip route del {winner}"),
                )
            })
        })
    }
}
