//! What a step does to a machine, side effects of the kernel included.

use std::net::IpAddr;

use super::{IpvsState, Observed, ObservedService};
use crate::cluster::plan::{BoundDestination, Change, LinkState, Setting};
use crate::ipvs::{Service, Timeouts};
use crate::name::IfName;
use crate::net::{Address, Route};
use crate::sysctl::SysctlKey;

impl Observed {
    pub(in crate::cluster) fn set_link(&mut self, change: &Change<LinkState>) {
        let Some(link) = change.after() else { return };
        self.links.insert(link.name.clone(), link.up);
        if !link.up {
            self.flush_routes(&link.name, |_| true);
        }
    }

    pub(in crate::cluster) fn set_sysctl(&mut self, change: &Change<Setting>) {
        let Some(Setting { key, value }) = change.after() else {
            return;
        };
        let old = self.sysctls.insert(key.clone(), value.clone());
        if *key == SysctlKey::IP_FORWARD && old.as_ref() != Some(value) {
            self.push_forwarding(value);
        }
    }

    /// A write that changes `ip_forward` goes to every interface; one that does not goes nowhere.
    fn push_forwarding(&mut self, value: &str) {
        for (key, current) in &mut self.sysctls {
            let path = key.as_str();
            if path.starts_with("net/ipv4/conf/") && path.ends_with("/forwarding") {
                value.clone_into(current);
            }
        }
    }

    pub(in crate::cluster) fn set_address(&mut self, change: &Change<Address>) {
        if let Some(before) = change.before() {
            self.addresses.retain(|address| address.id != before.id);
        }
        match (change.before(), change.after()) {
            (_, Some(after)) => self.addresses.push(after.clone()),
            (Some(gone), None) => self.flush_after(gone),
            (None, None) => {}
        }
    }

    /// With its last IPv4 address an interface loses its IPv4 routes.
    fn flush_after(&mut self, gone: &Address) {
        let interface = &gone.id.interface;
        let is_ipv4 = |address: &Address| address.id.network.addr().is_ipv4();
        let mut rest = self
            .addresses
            .iter()
            .filter(|address| address.id.interface == *interface);
        if is_ipv4(gone) && !rest.any(is_ipv4) {
            self.flush_routes(interface, |route| route.id.destination.addr().is_ipv4());
        }
    }

    fn flush_routes(&mut self, interface: &IfName, which: impl Fn(&Route) -> bool) {
        self.routes
            .retain(|route| route.interface.as_ref() != Some(interface) || !which(route));
    }

    pub(in crate::cluster) fn set_route(&mut self, change: &Change<Route>) {
        if let Some(before) = change.before() {
            self.routes.retain(|route| route.id != before.id);
        }
        if let Some(after) = change.after() {
            let interface = after.interface.clone();
            self.routes.push(Route {
                interface: interface.or_else(|| self.interface_towards(after.gateway?)),
                ..after.clone()
            });
        }
    }

    /// The interface whose network a neighbour is on, as the kernel finds it.
    fn interface_towards(&self, gateway: IpAddr) -> Option<IfName> {
        let connected = self
            .addresses
            .iter()
            .filter(|address| address.id.network.contains(&gateway));
        let nearest = connected.max_by_key(|address| address.id.network.prefix_len());
        nearest.map(|address| address.id.interface.clone())
    }

    pub(in crate::cluster) fn set_timeouts(&mut self, change: &Change<Timeouts>) {
        if let (Some(after), IpvsState::Loaded { timeouts, .. }) = (change.after(), self.loaded()) {
            *timeouts = *after;
        }
    }

    pub(in crate::cluster) fn set_service(&mut self, change: &Change<Service>) {
        let IpvsState::Loaded { services, .. } = self.loaded() else {
            return;
        };
        let id = change.newest().map(|service| service.id);
        let place = services
            .iter()
            .position(|found| Some(found.service.id) == id);
        match (
            place.and_then(|place| services.get_mut(place)),
            change.after(),
        ) {
            (Some(found), Some(after)) => found.service = after.clone(),
            (None, Some(after)) => services.push(ObservedService {
                service: after.clone(),
                destinations: Vec::new(),
            }),
            (_, None) => services.retain(|found| Some(found.service.id) != id),
        }
    }

    /// A new destination goes to the head of the list, an edited one stays where it is.
    pub(in crate::cluster) fn set_destination(&mut self, change: &Change<BoundDestination>) {
        let Some(bound) = change.newest() else {
            return;
        };
        let IpvsState::Loaded { services, .. } = self.loaded() else {
            return;
        };
        let Some(found) = services
            .iter_mut()
            .find(|found| found.service.id == bound.service)
        else {
            return;
        };
        let list = &mut found.destinations;
        let mut same = list
            .iter_mut()
            .filter(|destination| destination.id == bound.destination.id);
        match (same.next(), change.after()) {
            (Some(destination), Some(after)) => *destination = after.destination,
            (None, Some(after)) => list.insert(0, after.destination),
            (_, None) => list.retain(|destination| destination.id != bound.destination.id),
        }
    }

    /// The first verb of IPVS makes the kernel load it.
    fn loaded(&mut self) -> &mut IpvsState {
        if !matches!(self.ipvs, IpvsState::Loaded { .. }) {
            self.ipvs = IpvsState::empty();
        }
        &mut self.ipvs
    }
}
