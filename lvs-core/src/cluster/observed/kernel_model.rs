//! What the kernel does when it is told to carry out a step, side effects included.
//!
//! Plans, their outcome and their rollback all rest on this model; `tests/kernel/judge` compares it with a
//! real kernel after every step of random sequences.

use std::iter::Peekable;
use std::net::IpAddr;

use super::{IpvsState, Observed};
use crate::cluster::change::{Change, LinkState, Object, Setting};
use crate::ipvs::{DaemonRole, ServicesEditor};
use crate::name::IfName;
use crate::net::{Address, AddressId, Route, RouteId, Tunnel};
use crate::sysctl::{Conf, SysctlKey};

impl Observed {
    /// Applies some changes in a row as the kernel does, in time that grows with their number only.
    pub(in crate::cluster) fn apply<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Change<Object>>,
    ) {
        let mut changes = changes.into_iter().peekable();
        while let Some(change) = changes.peek() {
            if change.is_of_table() {
                self.edit_table(&mut changes);
                continue;
            }
            match change.after() {
                Some(object) => self.set(object),
                None => self.delete(change.newest()),
            }
            changes.next();
        }
    }

    /// Applies the next changes, as far as they are about services and destinations; the kernel refuses one that does
    /// not fit.
    fn edit_table<'a>(&mut self, changes: &mut Peekable<impl Iterator<Item = &'a Change<Object>>>) {
        if let IpvsState::Loaded { services, .. } = self.loaded() {
            let mut editor = ServicesEditor::new(services);
            while let Some(change) = changes.next_if(|change| change.is_of_table()) {
                for command in change.commands() {
                    let _ = editor.apply(&command);
                }
            }
        }
    }

    /// Services and destinations are changed in runs.
    fn set(&mut self, object: &Object) {
        match object {
            Object::Tunnel(tunnel) => self.set_tunnel(tunnel),
            Object::Listener(listener) => {
                self.listeners.insert(*listener);
            }
            Object::Link(link) => self.set_link(link),
            Object::Sysctl(setting) => self.set_sysctl(setting),
            Object::Address(address) => self.set_address(address),
            Object::Route(route) => self.set_route(route),
            Object::Timeouts(new) => {
                if let IpvsState::Loaded { timeouts, .. } = self.loaded() {
                    *timeouts = *new;
                }
            }
            Object::Daemon(daemon) => {
                self.stop_daemon(daemon.role);
                self.daemons.insert(daemon.clone());
            }
            Object::Service(_) | Object::Destination(_) => {}
        }
    }

    /// Links, sysctls and the timeouts cannot be deleted; services and destinations are changed in runs.
    fn delete(&mut self, object: &Object) {
        match object {
            Object::Tunnel(tunnel) => self.forget_link(&tunnel.name),
            Object::Listener(listener) => {
                self.listeners.remove(listener);
            }
            Object::Address(address) => self.delete_address(address),
            Object::Route(route) => self.delete_route(route),
            Object::Daemon(daemon) => self.stop_daemon(daemon.role),
            Object::Link(_)
            | Object::Sysctl(_)
            | Object::Timeouts(_)
            | Object::Service(_)
            | Object::Destination(_) => {}
        }
    }

    /// An address that exists keeps its place, which decides between the addresses of a network.
    fn set_address(&mut self, address: &Address) {
        if self.addresses.find(&address.id).is_none() {
            return self.addresses.push(address.clone());
        }
        let mut addresses = self.addresses.iter_mut();
        if let Some(found) = addresses.find(|found| found.id == address.id) {
            found.clone_from(address);
        }
    }

    fn set_tunnel(&mut self, tunnel: &Tunnel) {
        self.forget_link(&tunnel.name);
        self.links.insert(tunnel.name.clone(), false);
        self.tunnels.insert(tunnel.clone());
        self.copy_template(&tunnel.name);
    }

    fn stop_daemon(&mut self, role: DaemonRole) {
        self.loaded();
        self.daemons.retain(|daemon| daemon.role != role);
    }

    /// A new interface has the template's values of what is known of it.
    fn copy_template(&mut self, name: &IfName) {
        let copied: Vec<_> = self
            .sysctls
            .iter()
            .filter_map(|(key, value)| Some((key.of_template(name)?, value.clone())))
            .collect();
        self.sysctls.extend(copied);
    }

    /// The kernel removes with an interface everything that it carries.
    fn forget_link(&mut self, name: &IfName) {
        self.links.remove(name);
        self.tunnels.retain(|tunnel| tunnel.name != *name);
        self.addresses
            .retain(|address| address.id.interface != *name);
        self.flush_routes(name, |_| true);
        self.sysctls.retain(|key, _| !key.is_of(name));
    }

    /// An interface that is set down loses its IPv6 addresses and all its routes; IPv4 addresses stay.
    fn set_link(&mut self, link: &LinkState) {
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

    fn set_sysctl(&mut self, Setting { key, value }: &Setting) {
        let old = self.sysctls.insert(key.clone(), value.clone());
        if old.as_ref() != Some(value) {
            self.push(key, value);
        }
    }

    /// A write that changes a sysctl of all interfaces changes each of them; one that does not changes none.
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

    fn delete_address(&mut self, gone: &Address) {
        let secondaries = self.secondaries(gone);
        // The later ones first: that is cheaper.
        for id in secondaries.iter().rev().chain([&gone.id]) {
            self.addresses.remove(id, |_| true);
        }
        for id in secondaries.iter().chain([&gone.id]) {
            self.forget_source(id);
        }
        self.flush_after(gone);
    }

    /// Returns the addresses that the kernel removes together with the first IPv4 address of their network.
    fn secondaries(&self, gone: &Address) -> Vec<AddressId> {
        let network = gone.subnet();
        if network.prefix_len() == network.max_prefix_len() {
            return Vec::new();
        }
        let mut same = self
            .addresses
            .iter()
            .filter(|found| found.id.interface == gone.id.interface && found.subnet() == network)
            .map(|found| &found.id);
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

    /// Routes that name the address as their source are removed when no interface carries it any more (IPv4),
    /// or stay without a source (IPv6).
    fn forget_source(&mut self, gone: &AddressId) {
        let ip = gone.network.addr();
        let is_source = |route: &Route| route.source == Some(ip);
        if ip.is_ipv6() {
            let interface = Some(&gone.interface);
            self.routes
                .iter_mut()
                .filter(|route| is_source(route) && route.interface.as_ref() == interface)
                .for_each(|route| route.source = None);
        } else if !self.is_local(ip) {
            self.routes
                .retain(|route| !is_source(route) || route.id.table != RouteId::MAIN);
        }
    }

    /// The node treats every address of a network on lo as local.
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
            // The device's nexthop objects stay, and the routes by them.
            self.flush_routes(interface, |route| {
                route.id.destination.addr().is_ipv4() && route.details.nexthop_id.is_none()
            });
        }
    }

    fn flush_routes(&mut self, interface: &IfName, which: impl Fn(&Route) -> bool) {
        // A multipath route goes with the last of its interfaces.
        let is_by_it = |route: &Route| {
            let mut interfaces = route.interfaces().peekable();
            interfaces.peek().is_some() && interfaces.all(|name| name == interface)
        };
        self.routes
            .retain(|route| !is_by_it(route) || !which(route));
    }

    fn set_route(&mut self, route: &Route) {
        let interface = route
            .interface
            .clone()
            .or_else(|| self.interface_towards(route.gateway?));
        self.routes.remove(&route.id.trunc(), |_| true);
        self.routes.push(Route {
            interface,
            ..route.clone()
        });
    }

    /// Of several with one identity the kernel deletes the first that has the gateway.
    fn delete_route(&mut self, route: &Route) {
        self.routes.remove(&route.id.trunc(), |found| {
            route.gateway.is_none() || found.gateway == route.gateway
        });
    }

    /// Returns whether a neighbour is on the network of an address, or of a route without a gateway.
    pub(in crate::cluster) fn reaches(&self, neighbour: IpAddr) -> bool {
        self.interface_towards(neighbour).is_some()
    }

    /// Returns the interface by which a neighbour is reached, as the kernel finds it: by the longest prefix
    /// among connected networks and routes without a gateway. Where two interfaces are on the same network
    /// the kernel takes the older one, which no list of addresses tells.
    pub(in crate::cluster) fn interface_towards(&self, gateway: IpAddr) -> Option<IfName> {
        let connected = self
            .addresses
            .iter()
            .filter(|address| address.has_prefix_route())
            .filter(|address| self.links.get(&address.id.interface) != Some(&false))
            .map(|address| (address.subnet(), &address.id.interface));
        let direct = self
            .routes
            .iter()
            .filter(|route| route.id.table == RouteId::MAIN && route.gateway.is_none())
            .filter_map(|route| Some((route.id.destination, route.interface.as_ref()?)));
        connected
            .chain(direct)
            .filter(|(network, _)| network.contains(&gateway))
            .max_by_key(|(network, _)| network.prefix_len())
            .map(|(_, interface)| interface.clone())
    }

    /// The first verb of IPVS makes the kernel load it.
    fn loaded(&mut self) -> &mut IpvsState {
        if !matches!(self.ipvs, IpvsState::Loaded { .. }) {
            self.ipvs = IpvsState::empty();
        }
        &mut self.ipvs
    }
}

impl Change<Object> {
    fn is_of_table(&self) -> bool {
        matches!(self.newest(), Object::Service(_) | Object::Destination(_))
    }
}

fn is_ipv4(address: &Address) -> bool {
    address.id.network.addr().is_ipv4()
}
