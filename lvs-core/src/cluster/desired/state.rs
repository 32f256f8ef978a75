//! The desired state of a node: the type, and the steps by which forwarding methods build it up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::addresses;
use super::service::DesiredService;
use crate::cluster::by_id::ById;
use crate::cluster::change::Reason;
use crate::cluster::model::{Cluster, ClusterName, Gateway, NodeKind, NodeName, Role};
use crate::ipvs::{Daemon, Family, ServiceId, Timeouts};
use crate::name::IfName;
use crate::net::{Address, AddressId, GueListener, Route, RouteId, Tunnel};
use crate::sysctl::SysctlKey;

/// Holds a value that a node must have, and the reason that every plan shows for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Desired<T> {
    /// The value.
    pub value: T,
    /// The reason.
    pub why: Reason,
}

impl<T> Desired<T> {
    pub(super) fn new(value: T, why: impl Into<Reason>) -> Self {
        Self {
            value,
            why: why.into(),
        }
    }
}

/// Describes what one node must have: the desired side of a [`Plan`](crate::cluster::Plan).
///
/// [`Cluster::node`] computes it; everything that it does not name stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct DesiredState {
    /// The cluster to which the node belongs.
    pub cluster: ClusterName,
    /// The node's name.
    pub name: NodeName,
    /// The names of all nodes of the cluster, among them this one's: a record of another name is of a node that
    /// was renamed or has left.
    pub nodes: Arc<BTreeSet<NodeName>>,
    /// The node's kind.
    pub kind: NodeKind,
    /// The role of one of two directors; other nodes have none.
    pub role: Option<Role>,
    /// The devices that decapsulate what a director encapsulates.
    pub tunnels: Vec<Desired<Tunnel>>,
    /// The UDP ports whose packets are decapsulated.
    pub listeners: Vec<Desired<GueListener>>,
    /// The interfaces that must be up.
    pub links: BTreeMap<IfName, Desired<()>>,
    /// The sysctls by their exact key.
    pub sysctls: BTreeMap<SysctlKey, Desired<String>>,
    /// The addresses in the order in which they are added, virtual IPs among them.
    pub addresses: ById<Desired<Address>>,
    /// The addresses that must be absent: those that the other director carries while this one is standby.
    pub absent: ById<Desired<Address>>,
    /// The routes of the main table: host routes, then the default route.
    pub routes: ById<Desired<Route>>,
    /// The routes that must be absent, with the same gateway: those that need absent addresses.
    pub absent_routes: ById<Desired<Route>>,
    /// The timeouts of connections; 0 stays as it is in the kernel.
    pub timeouts: Timeouts,
    /// The daemons that send connections to another director and receive those of the other.
    pub daemons: Vec<Desired<Daemon>>,
    /// The services in the file's order; only a director has any.
    pub services: ById<DesiredService>,
    /// The nodes that serve, by the addresses of their destinations.
    pub servers: BTreeMap<IpAddr, NodeName>,
    /// The other directors, each of which has its own record.
    pub other_directors: BTreeSet<NodeName>,
    /// The services of the file that must be absent, because the other director balances them already.
    pub absent_services: BTreeSet<ServiceId>,
    /// The rules by which a firewall has to mark packets, as a file for `nft -f`: shown, never applied.
    pub nftables: Option<String>,
    /// The cluster's virtual IPs, whether or not this node carries them.
    pub virtual_ips: Arc<BTreeSet<IpAddr>>,
    /// The addresses by which a director reaches other nodes that carry virtual IPs, with these: the ones that must
    /// not be the source address of packets to them.
    pub carriers: BTreeMap<IpAddr, Arc<BTreeSet<IpAddr>>>,
    /// The addresses that move with the active one of two directors, virtual IPs among them.
    pub floating: BTreeSet<IpAddr>,
    /// The notes of the plan: what no step does but the operator has to know.
    pub notes: Vec<String>,
}

/// Returns whether a route is among those that are desired. A default route is added with a metric that wins, so
/// that any of its family is it.
fn has_route(desired: &ById<Desired<Route>>, id: &RouteId) -> bool {
    let family = |id: &RouteId| Family::from(id.destination.addr());
    let is_default = |desired: &Desired<Route>| {
        let desired = &desired.value.id;
        desired.is_default() && family(desired) == family(id)
    };
    desired.find(&id.trunc()).is_some() || id.is_default() && desired.iter().any(is_default)
}

impl DesiredState {
    /// Returns whether an address is one of the cluster's virtual IPs.
    #[must_use]
    pub fn is_virtual(&self, address: &AddressId) -> bool {
        self.virtual_ips.contains(&address.network.addr())
    }

    /// Returns whether an address attracts traffic: it is virtual, or it floats. Such an address is added
    /// after everything behind it, and removed first.
    #[must_use]
    pub fn attracts_traffic(&self, address: &AddressId) -> bool {
        self.is_virtual(address) || self.floating.contains(&address.network.addr())
    }

    /// Returns the addresses that only the active one of two directors carries.
    pub(in crate::cluster) fn floating_addresses(&self) -> BTreeSet<AddressId> {
        let carried = self
            .addresses
            .iter()
            .filter(|desired| self.role.is_some() && self.attracts_traffic(&desired.value.id));
        let absent = self.absent.iter().filter(|_| self.role.is_some());
        carried
            .chain(absent)
            .map(|desired| desired.value.id.clone())
            .collect()
    }

    /// Returns whether the state says anything about an address: that it must be present, or absent.
    pub(in crate::cluster) fn names_address(&self, id: &AddressId) -> bool {
        self.addresses.find(id).is_some() || self.absent.find(id).is_some()
    }

    /// Returns whether the state says anything about a route: that it must be present, or absent.
    pub(in crate::cluster) fn names_route(&self, id: &RouteId) -> bool {
        has_route(&self.routes, id) || has_route(&self.absent_routes, id)
    }

    /// Returns whether the state says that a route must be present.
    pub(in crate::cluster) fn requires_route(&self, id: &RouteId) -> bool {
        has_route(&self.routes, id)
    }

    /// Returns whether the state says anything about a service: that it must be present, or absent.
    pub(in crate::cluster) fn names_service(&self, id: &ServiceId) -> bool {
        self.absent_services.contains(id) || self.services.find(id).is_some()
    }

    /// Creates a state that says nothing yet.
    pub(super) fn new(cluster: &Cluster, name: &NodeName, kind: NodeKind) -> Self {
        let virtual_ips = cluster.shared_virtual_ips();
        Self {
            nodes: cluster.shared_node_names(),
            ..Self::empty(cluster.name().clone(), name.clone(), kind, virtual_ips)
        }
    }

    /// Creates a state that says nothing.
    pub(in crate::cluster) fn empty(
        cluster: ClusterName,
        name: NodeName,
        kind: NodeKind,
        virtual_ips: Arc<BTreeSet<IpAddr>>,
    ) -> Self {
        Self {
            cluster,
            nodes: Arc::new(BTreeSet::from([name.clone()])),
            name,
            kind,
            role: None,
            tunnels: Vec::new(),
            listeners: Vec::new(),
            links: BTreeMap::new(),
            sysctls: BTreeMap::new(),
            addresses: ById::default(),
            absent: ById::default(),
            routes: ById::default(),
            absent_routes: ById::default(),
            timeouts: Timeouts::default(),
            services: ById::default(),
            servers: BTreeMap::new(),
            other_directors: BTreeSet::new(),
            absent_services: BTreeSet::new(),
            daemons: Vec::new(),
            nftables: None,
            virtual_ips,
            carriers: BTreeMap::new(),
            floating: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    /// Adds the addresses that the file names, and their interfaces.
    pub(super) fn own_addresses(&mut self, own: &[Address]) {
        for address in own {
            let network = address.id.network;
            self.link(
                address.id.interface.clone(),
                format!("it carries {network}"),
            );
            let is_virtual = self.is_virtual(&address.id);
            let floats = self.floating.contains(&network.addr());
            let own = addresses::own(address, is_virtual);
            let why = match (is_virtual, floats) {
                (true, _) => "clients connect to this virtual IP",
                (false, true) => "it moves with the active director",
                (false, false) => "named in the file",
            };
            match floats {
                true => self.floating_address(own, why),
                false => self.addresses.push(Desired::new(own, why)),
            }
        }
    }

    /// Adds an address that only the active director carries.
    ///
    /// There is no duplicate address detection: the other director may still carry the address, and that must
    /// not stop a takeover.
    fn floating_address(&mut self, address: Address, why: impl Into<Reason>) {
        let address = Address {
            no_dad: address.id.network.addr().is_ipv6(),
            ..address
        };
        match self.role {
            Some(Role::Standby) => self.absent.push(Desired::new(
                address,
                "only the active director may carry it",
            )),
            _ => self.addresses.push(Desired::new(address, why)),
        }
    }

    /// Adds a virtual IP and its host route on an interface, as a node needs them that does not balance it.
    pub(super) fn virtual_ip(
        &mut self,
        vip: IpAddr,
        interface: &IfName,
        label: Option<String>,
        why: impl Into<Reason>,
        route_why: impl Into<Reason>,
    ) {
        let address = Address {
            label,
            ..addresses::virtual_on(interface.clone(), vip)
        };
        self.addresses.push(Desired::new(address, why));
        let route = addresses::host_route(vip, interface.clone());
        self.routes.push(Desired::new(route, route_why));
    }

    pub(super) fn tunnel(&mut self, tunnel: Tunnel, why: impl Into<Reason>) {
        if self.tunnels.iter().all(|desired| desired.value != tunnel) {
            self.tunnels.push(Desired::new(tunnel, why));
        }
    }

    pub(super) fn listener(&mut self, listener: GueListener, why: impl Into<Reason>) {
        if self
            .listeners
            .iter()
            .all(|desired| desired.value != listener)
        {
            self.listeners.push(Desired::new(listener, why));
        }
    }

    pub(super) fn link(&mut self, interface: IfName, why: impl Into<Reason>) {
        self.links
            .entry(interface)
            .or_insert_with(|| Desired::new((), why));
    }

    pub(in crate::cluster) fn sysctl(
        &mut self,
        key: SysctlKey,
        value: impl fmt::Display,
        why: impl Into<Reason>,
    ) {
        self.sysctls
            .insert(key, Desired::new(value.to_string(), why));
    }

    /// Adds the default route that the file names; on a standby whose own addresses do not reach the gateway,
    /// as a route that must be absent.
    pub(super) fn gateway(&mut self, gateway: Option<&Gateway>, why: &'static str) {
        let Some(gateway) = gateway else {
            return;
        };
        if let Some(interface) = gateway.interface() {
            self.link(interface.clone(), "the gateway is reached through it");
        }
        let mut own = self.addresses.iter().map(|desired| &desired.value.id);
        let is_near = gateway.is_link_local() || own.any(|id| addresses::is_beside(id, gateway));
        for family in self.families_of(gateway) {
            match is_near || self.absent.is_empty() {
                true => self.default_route(family, gateway, why),
                false => self.absent_routes.push(Desired::new(
                    addresses::default_route_of(family, gateway),
                    "it is added together with the floating addresses",
                )),
            }
        }
    }

    /// Notes the families of answers for which the gateway of the file is none.
    pub(super) fn note_unrouted(&mut self, answered: &BTreeSet<Family>, gateway: Option<&Gateway>) {
        let Some(ip) = gateway.and_then(Gateway::address) else {
            return;
        };
        for family in answered.iter().filter(|family| **family != ip.into()) {
            if self.default_route_of(*family).is_none() {
                self.notes.push(format!(
                    "{ip} is no gateway of {family}, by which answers return to clients: their default route \
                     stays as it is"
                ));
            }
        }
    }

    /// Returns the families of the default routes through a gateway: that of its address, or those of the addresses
    /// that the file names on its interface, or else of all.
    fn families_of(&self, gateway: &Gateway) -> BTreeSet<Family> {
        if let Some(ip) = gateway.address() {
            return BTreeSet::from([ip.into()]);
        }
        let all = self.addresses.iter().chain(&self.absent);
        let (on_it, others): (Vec<_>, Vec<_>) = all
            .map(|desired| &desired.value.id)
            .partition(|id| Some(&id.interface) == gateway.interface());
        let counted = if on_it.is_empty() { others } else { on_it };
        let families = counted.into_iter().map(|id| id.network.addr().into());
        families.collect()
    }

    /// Adds the default route through the interface that the file has on the gateway's network: without one
    /// the kernel would choose another interface that is still on that network, and the route would be removed
    /// together with that interface's address.
    pub(super) fn default_route(
        &mut self,
        family: Family,
        gateway: &Gateway,
        why: impl Into<Reason>,
    ) {
        let nearest = self
            .addresses
            .iter()
            .map(|desired| &desired.value.id)
            .filter(|id| gateway.address().is_some_and(|ip| id.network.contains(&ip)))
            .rev()
            .max_by_key(|id| id.network.prefix_len());
        let named = addresses::default_route_of(family, gateway);
        let route = Route {
            interface: gateway
                .interface()
                .or_else(|| nearest.map(|id| &id.interface))
                .cloned(),
            ..named
        };
        self.routes.push(Desired::new(route, why));
    }

    pub(super) fn default_route_of(&mut self, family: Family) -> Option<&mut Desired<Route>> {
        self.routes.iter_mut().find(|desired| {
            let id = &desired.value.id;
            id.is_default() && family == id.destination.addr().into()
        })
    }
}
