//! What a step does to a machine, side effects of the kernel included.

use std::net::IpAddr;

use super::runs::set_destinations;
use super::{IpvsState, Observed, ObservedService};
use crate::cluster::change::{BoundDestination, Change, LinkState, Setting};
use crate::ipvs::{Daemon, Service, Timeouts};
use crate::name::IfName;
use crate::net::{Address, AddressId, Listener, Route, Tunnel};
use crate::sysctl::{Conf, SysctlKey};

impl Observed {
    pub(in crate::cluster) fn set_tunnel(&mut self, change: &Change<Tunnel>) {
        if let Some(before) = change.before() {
            self.forget_link(&before.name);
        }
        if let Some(after) = change.after() {
            self.links.insert(after.name.clone(), false);
            self.tunnels.insert(after.clone());
            self.copy_template(&after.name);
        }
    }

    pub(in crate::cluster) fn set_listener(&mut self, change: &Change<Listener>) {
        match (change.before(), change.after()) {
            (_, Some(after)) => self.listeners.insert(*after),
            (Some(before), None) => self.listeners.remove(before),
            (None, None) => false,
        };
    }

    pub(in crate::cluster) fn set_daemon(&mut self, change: &Change<Daemon>) {
        self.loaded();
        let role = change.newest().map(|daemon| daemon.role);
        self.daemons.retain(|daemon| Some(daemon.role) != role);
        self.daemons.extend(change.after().cloned());
    }

    /// A new interface has the template's values of what is known of it.
    fn copy_template(&mut self, name: &IfName) {
        let templates = self.sysctls.iter();
        let copied: Vec<_> = templates
            .filter_map(|(key, value)| Some((key.of_template(name)?, value.clone())))
            .collect();
        self.sysctls.extend(copied);
    }

    /// With an interface goes everything that it carries.
    fn forget_link(&mut self, name: &IfName) {
        self.links.remove(name);
        self.tunnels.retain(|tunnel| tunnel.name != *name);
        self.addresses
            .retain(|address| address.id.interface != *name);
        self.flush_routes(name, |_| true);
        self.sysctls.retain(|key, _| !key.is_of(name));
    }

    /// An interface that is set down loses its IPv6 addresses and all its routes; IPv4 addresses stay.
    pub(in crate::cluster) fn set_link(&mut self, change: &Change<LinkState>) {
        let Some(link) = change.after() else { return };
        let Some(up) = self.links.get_mut(&link.name) else {
            return;
        };
        *up = link.up;
        if !link.up {
            self.flush_routes(&link.name, |_| true);
            self.addresses
                .retain(|found| is_ipv4(found) || found.id.interface != link.name);
        }
    }

    pub(in crate::cluster) fn set_sysctl(&mut self, change: &Change<Setting>) {
        let Some(Setting { key, value }) = change.after() else {
            return;
        };
        let old = self.sysctls.insert(key.clone(), value.clone());
        if old.as_ref() != Some(value) {
            self.push(key, value);
        }
    }

    /// A write that changes a switch of all interfaces goes to every one; one that does not goes nowhere.
    fn push(&mut self, key: &SysctlKey, value: &str) {
        let contrary = if value == "0" { "1" } else { "0" };
        for (follower, current) in &mut self.sysctls {
            if follower.follows().as_ref() == Some(key) {
                let value = match *follower == SysctlKey::ACCEPT_REDIRECTS {
                    true => contrary,
                    false => value,
                };
                value.clone_into(current);
            }
        }
    }

    pub(in crate::cluster) fn set_address(&mut self, change: &Change<Address>) {
        match (change.before(), change.after()) {
            (Some(before), None) => self.delete_address(before),
            (before, Some(after)) => {
                self.addresses
                    .retain(|found| before.is_none_or(|before| found.id != before.id));
                self.addresses.push(after.clone());
            }
            (None, None) => {}
        }
    }

    fn delete_address(&mut self, gone: &Address) {
        let secondaries = self.secondaries(gone);
        self.addresses
            .retain(|found| found.id != gone.id && !secondaries.contains(&found.id));
        for id in secondaries.iter().chain([&gone.id]) {
            self.forget_source(id);
        }
        self.flush_after(gone);
    }

    /// The addresses that go with the first IPv4 address of their network.
    fn secondaries(&self, gone: &Address) -> Vec<AddressId> {
        let network = gone.id.network.trunc();
        let mut same = self
            .addresses
            .iter()
            .map(|found| &found.id)
            .filter(|id| id.interface == gone.id.interface && id.network.trunc() == network);
        let is_first = same.next() == Some(&gone.id);
        if is_first && is_ipv4(gone) && !self.promotes(&gone.id.interface) {
            return same.cloned().collect();
        }
        Vec::new()
    }

    fn promotes(&self, interface: &IfName) -> bool {
        [Conf::All, Conf::Interface(interface.clone())]
            .iter()
            .filter_map(|conf| self.sysctls.get(&SysctlKey::promote_secondaries(conf)))
            .any(|value| value != "0")
    }

    /// Routes that name the address as their source go when it is nobody's here any more (IPv4), or
    /// stay without a source (IPv6).
    fn forget_source(&mut self, gone: &AddressId) {
        let ip = gone.network.addr();
        let is_source = |route: &Route| route.source == Some(ip);
        if ip.is_ipv6() {
            let interface = Some(&gone.interface);
            let routes = self.routes.iter_mut();
            routes
                .filter(|route| is_source(route) && route.interface.as_ref() == interface)
                .for_each(|route| route.source = None);
        } else if !self.is_local(ip) {
            self.routes.retain(|route| !is_source(route));
        }
    }

    /// An address on lo makes its whole network this machine's.
    fn is_local(&self, ip: IpAddr) -> bool {
        let mut ids = self.addresses.iter().map(|address| &address.id);
        ids.any(|id| {
            let whole = id.interface == IfName::LO && self.links.get(&IfName::LO) == Some(&true);
            id.network.addr() == ip || whole && id.network.contains(&ip)
        })
    }

    /// With its last IPv4 address an interface loses its IPv4 routes; lo always keeps 127.0.0.1.
    fn flush_after(&mut self, gone: &Address) {
        let interface = &gone.id.interface;
        let mut rest = self
            .addresses
            .iter()
            .filter(|address| address.id.interface == *interface);
        if is_ipv4(gone) && *interface != IfName::LO && !rest.any(is_ipv4) {
            self.flush_routes(interface, |route| route.id.destination.addr().is_ipv4());
        }
    }

    fn flush_routes(&mut self, interface: &IfName, which: impl Fn(&Route) -> bool) {
        self.routes
            .retain(|route| route.interface.as_ref() != Some(interface) || !which(route));
    }

    pub(in crate::cluster) fn set_route(&mut self, change: &Change<Route>) {
        let towards = change.after().and_then(|after| {
            let named = after.interface.clone();
            named.or_else(|| self.interface_towards(after.gateway?))
        });
        if let Some(before) = change.before() {
            self.routes.retain(|route| route.id != before.id);
        }
        if let Some(after) = change.after() {
            self.routes.push(Route {
                interface: towards,
                ..after.clone()
            });
        }
    }

    /// The interface by which a neighbour is reached, as the kernel finds it: by the longest prefix
    /// among connected networks and routes without a gateway. Where two interfaces are on the same
    /// network it takes the one that was there first, which no list of addresses tells.
    fn interface_towards(&self, gateway: IpAddr) -> Option<IfName> {
        let up = |id: &&AddressId| self.links.get(&id.interface) != Some(&false);
        let connected = self.addresses.iter().map(|address| &address.id).filter(up);
        let connected = connected.map(|id| (id.network, &id.interface));
        let direct = self.routes.iter().filter(|route| route.gateway.is_none());
        let direct = direct.filter_map(|it| Some((it.id.destination, it.interface.as_ref()?)));
        let near = connected
            .chain(direct)
            .filter(|(network, _)| network.contains(&gateway));
        let nearest = near.max_by_key(|(network, _)| network.prefix_len());
        nearest.map(|(_, interface)| interface.clone())
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

    pub(in crate::cluster) fn set_destination(&mut self, change: &Change<BoundDestination>) {
        let Some(bound) = change.newest() else {
            return;
        };
        let IpvsState::Loaded { services, .. } = self.loaded() else {
            return;
        };
        let mut services = services.iter_mut();
        if let Some(found) = services.find(|found| found.service.id == bound.service) {
            set_destinations(&mut found.destinations, &[change]);
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

fn is_ipv4(address: &Address) -> bool {
    address.id.network.addr().is_ipv4()
}
