//! What one machine of a cluster must look like.
//!
//! The knowledge of what a forwarding method demands of a machine is in [`nat`], [`dr`] and [`tunnel`];
//! this file is what they have in common.

mod addresses;
mod director;
mod dr;
mod kind;
mod nat;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

pub use kind::NodeKind;

use super::{Cluster, ClusterName, NodeName, RealServer, Role, VirtualService};
use crate::error::InvalidValue;
use crate::ipvs::{Daemon, Destination, Forwarding, Service, ServiceId, Timeouts};
use crate::name::IfName;
use crate::net::{Address, AddressId, Listener, Route, RouteId, Tunnel};
use crate::scheduler::{Generation, ServiceModel};
use crate::sysctl::SysctlKey;

/// Something a machine must have, and what for: a sentence's end that every plan shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Desired<T> {
    /// The thing.
    pub value: T,
    /// What it is for.
    pub why: String,
}

impl<T> Desired<T> {
    fn new(value: T, why: impl Into<String>) -> Self {
        Self {
            value,
            why: why.into(),
        }
    }
}

/// A service with its destinations, as the director's kernel must hold them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DesiredService {
    /// The service.
    pub service: Service,
    /// Weights count only when a destination is added.
    pub keep_weight: bool,
    /// In the order in which they are to be added; the reason is the real server's name.
    pub destinations: Vec<Desired<Destination>>,
    /// Those that get no new connections, with the weight they get back: of real servers that the file
    /// drains, and by a drain on record, which may even keep them out of `destinations`. Unlike other
    /// weights that 0 is made true with `keep_weight` too.
    pub drained: Vec<Destination>,
}

impl DesiredService {
    /// The service as it is right after it was applied to a kernel of that generation: who would get
    /// which connection, without asking any kernel.
    ///
    /// # Errors
    /// A scheduler that is none of the kernel's own.
    pub fn model(&self, generation: Generation) -> Result<ServiceModel, InvalidValue> {
        let destinations = self.destinations.iter().map(|wanted| wanted.value);
        ServiceModel::built(self.service.clone(), destinations, generation)
    }
}

/// What one machine must look like: the desired side of a [`Plan`](super::Plan).
///
/// Made by [`Cluster::node`]; everything it does not name is left as it is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct DesiredState {
    /// The cluster it belongs to.
    pub cluster: ClusterName,
    /// Its name.
    pub name: NodeName,
    /// Its part.
    pub kind: NodeKind,
    /// Of two directors: which one it is.
    pub role: Option<Role>,
    /// The devices that unwrap what a director has wrapped.
    pub tunnels: Vec<Desired<Tunnel>>,
    /// The UDP ports whose packets are unwrapped.
    pub listeners: Vec<Desired<Listener>>,
    /// The interfaces that must be up.
    pub links: BTreeMap<IfName, Desired<()>>,
    /// Kernel switches by their exact key.
    pub sysctls: BTreeMap<SysctlKey, Desired<String>>,
    /// Addresses in the order in which they are added, virtual IPs among them.
    pub addresses: Vec<Desired<Address>>,
    /// Addresses that must not be there: those that the other director carries while this one stands by.
    pub absent: Vec<Desired<Address>>,
    /// Routes of the main table: host routes, then the default route.
    pub routes: Vec<Desired<Route>>,
    /// Routes that must not be there, by the same gateway: those that need absent addresses.
    pub absent_routes: Vec<Desired<Route>>,
    /// Timeouts of connections; 0 is untouched.
    pub timeouts: Timeouts,
    /// The daemons that tell another director of connections, and hear of its.
    pub daemons: Vec<Desired<Daemon>>,
    /// Services in the file's order; only a director has any.
    pub services: Vec<DesiredService>,
    /// Services of the file that must not be there, because the other director balances them already.
    pub absent_services: BTreeSet<ServiceId>,
    /// The rules by which a firewall has to mark packets, as a file of `nft -f`: shown, never applied.
    pub nftables: Option<String>,
    /// The cluster's virtual IPs, whether this machine carries them or not.
    pub virtual_ips: BTreeSet<IpAddr>,
    /// Of two directors: the addresses that move with the active one, virtual IPs among them.
    pub floating: BTreeSet<IpAddr>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl DesiredState {
    /// Whether an address is one of the cluster's virtual IPs.
    #[must_use]
    pub fn is_virtual(&self, address: &AddressId) -> bool {
        self.virtual_ips.contains(&address.network.addr())
    }

    /// Whether an address is what draws traffic: virtual, or floating. Such a one comes when all behind it
    /// is there, and goes first.
    #[must_use]
    pub fn attracts_traffic(&self, address: &AddressId) -> bool {
        self.is_virtual(address) || self.floating.contains(&address.network.addr())
    }

    /// Whether an address must be there, or must not.
    pub(super) fn names_address(&self, id: &AddressId) -> bool {
        let mut named = self.addresses.iter().chain(&self.absent);
        named.any(|wanted| wanted.value.id == *id)
    }

    /// Whether a route must be there, or must not.
    pub(super) fn names_route(&self, id: &RouteId) -> bool {
        let mut named = self.routes.iter().chain(&self.absent_routes);
        named.any(|wanted| wanted.value.id == *id)
    }

    /// Whether a service must be there, or must not.
    pub(super) fn names_service(&self, id: &ServiceId) -> bool {
        let mut services = self.services.iter();
        services.any(|wanted| wanted.service.id == *id) || self.absent_services.contains(id)
    }

    fn new(cluster: &Cluster, name: &NodeName, kind: NodeKind) -> Self {
        Self {
            cluster: cluster.name().clone(),
            name: name.clone(),
            kind,
            role: None,
            tunnels: Vec::new(),
            listeners: Vec::new(),
            links: BTreeMap::new(),
            sysctls: BTreeMap::new(),
            addresses: Vec::new(),
            absent: Vec::new(),
            routes: Vec::new(),
            absent_routes: Vec::new(),
            timeouts: Timeouts::default(),
            services: Vec::new(),
            absent_services: BTreeSet::new(),
            daemons: Vec::new(),
            nftables: None,
            virtual_ips: cluster.virtual_ips(),
            floating: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    fn real_server(cluster: &Cluster, server: &RealServer) -> Self {
        let mut state = Self::new(cluster, &server.name, NodeKind::RealServer);
        state.own_addresses(&server.addresses);
        dr::real_server(&mut state, cluster, &server.name);
        tunnel::real_server(&mut state, cluster, &server.name);
        state.gateway(server.gateway, "the real server's way out");
        nat::real_server(&mut state, cluster, server);
        tunnel::replies(&mut state, cluster, &server.name, server.gateway);
        state
    }

    fn own_addresses(&mut self, addresses: &[Address]) {
        for address in addresses {
            let interface = &address.id.interface;
            self.link(
                interface.clone(),
                format!("it carries {}", address.id.network),
            );
            let is_virtual = self.is_virtual(&address.id);
            let floats = self.floating.contains(&address.id.network.addr());
            let own = addresses::own(address, is_virtual);
            let why = match (is_virtual, floats) {
                (true, _) => "the virtual IP: clients connect to it",
                (false, true) => "it moves with the active director",
                (false, false) => "named in the file",
            };
            match floats {
                true => self.floating_address(own, why),
                false => self.addresses.push(Desired::new(own, why)),
            }
        }
    }

    fn tunnel(&mut self, tunnel: Tunnel, why: impl Into<String>) {
        if self.tunnels.iter().all(|wanted| wanted.value != tunnel) {
            self.tunnels.push(Desired::new(tunnel, why));
        }
    }

    fn listener(&mut self, listener: Listener, why: &str) {
        if self.listeners.iter().all(|wanted| wanted.value != listener) {
            self.listeners.push(Desired::new(listener, why));
        }
    }

    fn link(&mut self, interface: IfName, why: impl Into<String>) {
        self.links
            .entry(interface)
            .or_insert_with(|| Desired::new((), why));
    }

    pub(super) fn sysctl(&mut self, key: SysctlKey, value: impl fmt::Display, why: &str) {
        self.sysctls
            .insert(key, Desired::new(value.to_string(), why));
    }

    fn gateway(&mut self, gateway: Option<IpAddr>, why: &str) {
        let Some(gateway) = gateway else {
            return;
        };
        let mut carried = self.addresses.iter();
        let is_near = carried.any(|wanted| wanted.value.id.network.contains(&gateway));
        match is_near || self.absent.is_empty() {
            true => self.default_route(gateway, why),
            false => self.absent_routes.push(Desired::new(
                addresses::default_route(gateway),
                "it comes with the floating addresses",
            )),
        }
    }

    /// By the interface that the file has on the gateway's network: left alone, the kernel would take
    /// another that is still on it, and the route would go with that one's address.
    fn default_route(&mut self, gateway: IpAddr, why: &str) {
        let ids = self.addresses.iter().map(|wanted| &wanted.value.id);
        let near = ids.filter(|id| id.network.contains(&gateway));
        let nearest = near.rev().max_by_key(|id| id.network.prefix_len());
        let route = Route {
            interface: nearest.map(|id| id.interface.clone()),
            ..addresses::default_route(gateway)
        };
        self.routes.push(Desired::new(route, why));
    }

    fn has_default_route(&self, family: crate::ipvs::Family) -> bool {
        let is_default = |id: &RouteId| id.is_default() && family == id.destination.addr().into();
        self.routes.iter().any(|route| is_default(&route.value.id))
    }
}

impl Cluster {
    /// What the machine of this name must look like; `None` if the cluster has no such machine.
    ///
    /// Of two directors the first of the file is taken for the active one: a choice for a beginning, as
    /// nobody knows here which one it is by now. [`node_as`](Self::node_as) says it.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<DesiredState> {
        if let Some(director) = self.director(name) {
            return Some(DesiredState::director(
                self,
                director,
                self.first_role(director),
            ));
        }
        let server = self
            .real_servers()
            .iter()
            .find(|server| server.name == *name)?;
        Some(DesiredState::real_server(self, server))
    }

    /// What one of two directors must look like in a role; `None` for any other machine, which has none.
    #[must_use]
    pub fn node_as(&self, name: &str, role: Role) -> Option<DesiredState> {
        let director = self.director(name).filter(|_| self.is_paired())?;
        Some(DesiredState::director(self, director, Some(role)))
    }

    /// The address by which the director reaches a destination of a service (RIP): the first one of the
    /// service's family that its machine has. Only in a tunnel it may be one of the other family, where
    /// the machine has no other. `None` for a machine that has neither.
    #[doc(alias = "RIP")]
    #[must_use]
    pub fn real_ip(
        &self,
        service: &VirtualService,
        destination: &super::VirtualDestination,
    ) -> Option<IpAddr> {
        let server = self.real_server(&destination.real_server);
        let address = |family| match server {
            Some(server) => server.real_ip(family),
            None => director::local_address(self, &destination.real_server, family),
        };
        let family = service.service.id.family();
        let tunnelled = matches!(destination.forwarding, Forwarding::Tunnel(_));
        let other = || tunnelled.then(|| address(family.other())).flatten();
        address(family).or_else(other)
    }

    /// The virtual destinations that name a machine, with their services.
    pub(crate) fn served_by<'a>(
        &'a self,
        name: &'a NodeName,
    ) -> impl Iterator<Item = (&'a VirtualService, &'a super::VirtualDestination)> {
        self.services().iter().flat_map(move |service| {
            let destinations = service.destinations.iter();
            destinations
                .filter(move |destination| destination.real_server == *name)
                .map(move |destination| (service, destination))
        })
    }
}
