//! How one node looks now, as far as a cluster is concerned.

mod index;
mod kernel_model;
mod lingering;
mod read;
mod restore;
mod same;
mod scope;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::by_id::ById;
use super::change::{BoundDestination, LinkState, Object, ObjectId, Setting, Step};
use crate::ipvs::{
    Daemon, DaemonRole, Destination, DestinationId, Family, KnownTable, Seconds, ServiceEntry,
    ServiceId, Timeouts,
};
use crate::name::IfName;
use crate::net::{
    Address, AddressId, GueListener, PolicyRule, RefusingRoute, Route, RouteId, Tunnel,
};
use crate::sysctl::SysctlKey;
pub(super) use index::{IndexedService, ObservedIndex};
pub use scope::ReadScope;

/// Holds what was found on a node: the other side of a [`Plan`](super::Plan).
///
/// A value like any other: it can be written to a file, sent with a bug report, or made up in a test.
/// Two are equal if no object that a plan can change differs: the order of services, destinations, addresses and
/// routes does not count, and neither does what the kernel fills in by itself.
///
/// ```
/// use lvs_core::cluster::Observed;
/// use lvs_core::cluster::change::{Change, ObjectId, Step};
/// use lvs_core::net::Address;
///
/// let vip = Address::new("eth0".parse()?, "172.16.5.11/32".parse()?);
/// let id = ObjectId::Address(vip.id.clone());
/// let before = Observed::default();
/// assert_eq!(before.find(&id), None);
///
/// let step = Step { change: Change::Add(vip.into()), why: "clients connect to it".into() };
/// let after = before.after(&step);
/// assert_eq!(after.find(&id).as_ref(), step.change.after());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Observed {
    /// The interfaces, and whether each is set up.
    pub links: BTreeMap<IfName, bool>,
    /// Those of them on which there is neither ARP nor neighbour discovery, beside `lo`: dummies, tunnel devices.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without_neighbours: BTreeSet<IfName>,
    /// The tunnel devices among them, where the plan can need any.
    #[serde(default)]
    pub tunnels: BTreeSet<Tunnel>,
    /// The UDP ports whose packets are decapsulated, where the plan can need any.
    #[serde(default)]
    pub listeners: BTreeSet<GueListener>,
    /// The addresses of all interfaces, without loopback and IPv6 link-local ones.
    pub addresses: ById<Address>,
    /// The unicast routes of all tables, without those that the kernel derives from addresses.
    pub routes: ById<Route>,
    /// The default routes of the main table that refuse packets.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refusing: BTreeSet<RefusingRoute>,
    /// The rules of policy routing that not every host has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PolicyRule>,
    /// The sysctls that were asked for and exist.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// The sync daemons that run, where the kernel's table of services was read.
    #[serde(default)]
    pub daemons: BTreeSet<Daemon>,
    /// The kernel's table of services.
    #[serde(default)]
    pub ipvs: IpvsState,
    /// The real servers to which connections lead although their destination was deleted, where it is to be added
    /// again with direct routing: the kernel revives it with these connections, which may be of another method.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lingering: BTreeSet<IpAddr>,
}

/// Says what is known of the kernel's IPVS.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpvsState {
    /// It was not read: this node is no director.
    #[default]
    Unread,
    /// Its module is not loaded. Another state than an empty table: reading the table would load it.
    NotLoaded,
    /// It is loaded.
    Loaded {
        /// The timeouts of connections.
        timeouts: Timeouts,
        /// The services, in no order that means anything.
        services: Vec<ServiceEntry>,
    },
}

impl IpvsState {
    /// The timeouts that a kernel starts with.
    pub const DEFAULT_TIMEOUTS: Timeouts = Timeouts {
        tcp: Seconds(900),
        tcp_fin: Seconds(120),
        udp: Seconds(300),
    };

    /// Returns the state of a kernel that has just loaded it.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Loaded {
            timeouts: Self::DEFAULT_TIMEOUTS,
            services: Vec::new(),
        }
    }
}

impl Observed {
    /// Returns how the node looks after a step, by the model of the kernel.
    #[must_use]
    pub fn after(&self, step: &Step) -> Self {
        let mut after = self.clone();
        after.apply([&step.change]);
        after
    }

    /// Returns what is known of the table when these steps have succeeded.
    pub(in crate::cluster) fn known_after<'a>(
        &'a self,
        steps: impl Iterator<Item = &'a Step> + Clone,
    ) -> KnownTable<'a> {
        let made = steps.filter_map(|step| step.change.after());
        let services = made.clone().filter_map(|object| match object {
            Object::Service(service) => Some(&**service),
            _ => None,
        });
        let destinations = made.filter_map(|object| match object {
            Object::Destination(bound) => Some((bound.service, &bound.destination)),
            _ => None,
        });
        KnownTable::new(self.services(), services, destinations)
    }

    /// Returns the object of this identity; `None` if it does not exist.
    #[must_use]
    pub fn find(&self, id: &ObjectId) -> Option<Object> {
        Some(match id {
            ObjectId::Tunnel(name) => self.tunnel(name)?.clone().into(),
            ObjectId::Listener(listener) => (*self.listeners.get(listener)?).into(),
            ObjectId::Link(name) => Object::Link(LinkState {
                name: name.clone(),
                up: *self.links.get(name)?,
            }),
            ObjectId::Sysctl(key) => Object::Sysctl(Setting {
                key: key.clone(),
                value: self.sysctls.get(key)?.clone(),
            }),
            ObjectId::Address(id) => self.address(id)?.clone().into(),
            ObjectId::Route(id) => self.route(id)?.clone().into(),
            ObjectId::Timeouts => self.timeouts().into(),
            ObjectId::Daemon(role) => self.daemon(*role)?.clone().into(),
            ObjectId::Service(id) => self.service(id)?.service.clone().into(),
            ObjectId::Destination(service, id) => Object::Destination(BoundDestination {
                service: *service,
                destination: *self.destination(service, id)?,
            }),
        })
    }

    /// Returns the tunnel device of this name.
    #[must_use]
    pub fn tunnel(&self, name: &IfName) -> Option<&Tunnel> {
        self.tunnels.iter().find(|tunnel| tunnel.name == *name)
    }

    /// Returns whether an interface carries an address.
    pub(in crate::cluster) fn carries_address(&self, interface: &IfName) -> bool {
        self.addresses
            .iter()
            .any(|address| address.id.interface == *interface)
    }

    /// Returns the sync daemon of this role.
    #[must_use]
    pub fn daemon(&self, role: DaemonRole) -> Option<&Daemon> {
        self.daemons.iter().find(|daemon| daemon.role == role)
    }

    /// Returns the services; none where IPVS is not loaded.
    #[must_use]
    pub fn services(&self) -> &[ServiceEntry] {
        match &self.ipvs {
            IpvsState::Loaded { services, .. } => services,
            IpvsState::Unread | IpvsState::NotLoaded => &[],
        }
    }

    /// Returns the timeouts; the kernel's defaults where IPVS is not loaded yet.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        match &self.ipvs {
            IpvsState::Loaded { timeouts, .. } => *timeouts,
            IpvsState::Unread | IpvsState::NotLoaded => IpvsState::DEFAULT_TIMEOUTS,
        }
    }

    /// Returns the service of this identity.
    #[must_use]
    pub fn service(&self, id: &ServiceId) -> Option<&ServiceEntry> {
        self.services().iter().find(|found| found.service.id == *id)
    }

    /// Returns the destination of a service.
    #[must_use]
    pub fn destination(&self, service: &ServiceId, id: &DestinationId) -> Option<&Destination> {
        let destinations = &self.service(service)?.destinations;
        destinations.iter().find(|found| found.id == *id)
    }

    /// Returns the address of this identity.
    #[must_use]
    pub fn address(&self, id: &AddressId) -> Option<&Address> {
        self.addresses.find(id)
    }

    /// Returns the route to this network with this metric.
    #[must_use]
    pub fn route(&self, id: &RouteId) -> Option<&Route> {
        self.routes.find(&id.trunc())
    }

    /// Returns the default routes of a family in the main table, the winner first. Of equal ones the first in
    /// the kernel's order wins.
    pub(in crate::cluster) fn default_routes(&self, family: Family) -> Vec<&Route> {
        let is_default =
            |route: &&Route| route.id.is_default() && family == route.id.destination.addr().into();
        let mut routes: Vec<_> = self.routes.iter().filter(is_default).collect();
        routes.sort_by_key(|route| route.rank());
        routes
    }

    /// Returns what was observed beside the kernel's table of services.
    pub(in crate::cluster) fn beside_services(&self) -> Self {
        Self {
            links: self.links.clone(),
            without_neighbours: self.without_neighbours.clone(),
            tunnels: self.tunnels.clone(),
            listeners: self.listeners.clone(),
            addresses: self.addresses.clone(),
            routes: self.routes.clone(),
            refusing: self.refusing.clone(),
            rules: self.rules.clone(),
            sysctls: self.sysctls.clone(),
            daemons: self.daemons.clone(),
            lingering: self.lingering.clone(),
            ipvs: IpvsState::Unread,
        }
    }

    /// Returns what was observed as it would be observed some seconds later: lifetimes end.
    pub(in crate::cluster) fn aged(mut self, seconds: u32) -> Self {
        let pass = |left: &mut Option<u32>| {
            *left = left.map(|left| left.saturating_sub(seconds));
        };
        for route in self.routes.iter_mut() {
            pass(&mut route.details.expires);
        }
        for address in self.addresses.iter_mut() {
            pass(&mut address.valid);
            pass(&mut address.preferred);
        }
        self.routes.retain(|route| route.details.expires != Some(0));
        self.addresses.retain(|address| address.valid != Some(0));
        self
    }
}
