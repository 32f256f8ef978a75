//! The default route of the director.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Walk;
use crate::cluster::{Gateway, Observed};
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::{Route, Scope};

impl Walk<'_> {
    /// Imports the default route, where the file can say the same; every other route stays as it is.
    pub(super) fn routes(&mut self, observed: &Observed) {
        for route in &observed.routes {
            let id = self.tally.add(&self.kernel, &format!("route {route}"));
            match self.gateway(route, observed) {
                Some(gateway) => {
                    self.draft.gateway = Some(gateway);
                    self.tally.carried(id, "director.gateway");
                }
                None => self.tally.left(
                    id,
                    "the route stays unchanged: a cluster file has only a default gateway",
                ),
            }
        }
    }

    /// Returns the first gateway of a file that makes this route; a director has one.
    fn gateway(&self, route: &Route, observed: &Observed) -> Option<Gateway> {
        if !route.id.is_default() || route.id.metric != 0 {
            return None;
        }
        match (&self.draft.gateway, route.gateway) {
            (None, Some(address)) => self.neighbour(route, address),
            (None, None) => self.through(route, observed),
            // Of both families.
            (Some(gateway), None) => {
                let same = self.through(route, observed);
                same.filter(|same| same == gateway)
            }
            (Some(_), Some(_)) => None,
        }
    }

    fn neighbour(&self, route: &Route, address: IpAddr) -> Option<Gateway> {
        let made = |interface: &IfName, on_link| Route {
            interface: Some(interface.clone()),
            on_link,
            protocol: route.protocol,
            advmss: route.advmss,
            ..Route::via(route.id.destination, address)
        };
        let addresses = self.draft.addresses.iter().map(|draft| &draft.address.id);
        let near: Vec<_> = addresses
            .filter(|id| id.network.contains(&address))
            .collect();
        if near.iter().any(|id| id.network.addr() == address) {
            return None;
        }
        let nearest = near.iter().rev().max_by_key(|id| id.network.prefix_len());
        if nearest.is_some_and(|id| *route == made(&id.interface, false)) {
            return Some(Gateway::Near(address));
        }
        let interface = route.interface.as_ref()?;
        let is_beside = near.iter().any(|id| id.interface == *interface);
        let on_link = route.on_link;
        let is_it = (on_link || is_beside) && *route == made(interface, on_link);
        is_it.then(|| Gateway::On {
            address,
            interface: interface.clone(),
            on_link,
        })
    }

    /// A gateway by the interface alone makes a route of each family that has addresses there, or of all.
    fn through(&self, route: &Route, observed: &Observed) -> Option<Gateway> {
        let interface = route
            .interface
            .as_ref()
            .filter(|name| **name != IfName::LO)?;
        let is_it = |found: &Route| {
            let is_ipv4 = found.id.destination.addr().is_ipv4();
            let made = Route {
                interface: Some(interface.clone()),
                scope: if is_ipv4 { Scope::LINK } else { Scope::GLOBAL },
                protocol: found.protocol,
                advmss: found.advmss,
                ..Route::to(found.id)
            };
            found.id.is_default() && found.id.metric == 0 && *found == made
        };
        let family = |ip: IpAddr| Family::from(ip);
        let routed = observed.routes.iter().filter(|found| is_it(found));
        let routed: BTreeSet<_> = routed
            .map(|found| family(found.id.destination.addr()))
            .collect();
        let ids = || self.draft.addresses.iter().map(|draft| &draft.address.id);
        let on_it: BTreeSet<_> = ids()
            .filter(|id| id.interface == *interface)
            .map(|id| family(id.network.addr()))
            .collect();
        let made = match on_it.is_empty() {
            true => ids().map(|id| family(id.network.addr())).collect(),
            false => on_it,
        };
        let is_all = is_it(route) && routed == made;
        is_all.then(|| Gateway::Through(interface.clone()))
    }
}
