//! The record of a cluster on one node: each object in its original configuration, and as it was applied.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::cluster::change::{Change, Object, ObjectId, stored};
use crate::cluster::drain::{Drain, Draining};
use crate::cluster::plan::{Obstacle, Refusal};
use crate::cluster::{ById, ObservedIndex};
use crate::cluster::{ClusterName, DesiredState, NodeKind, NodeName, Observed, Role};
use crate::ipvs::{DaemonRole, Destination, DestinationId, ServiceId, Weight};
use crate::name::IfName;
use crate::net::{Address, AddressId};
use crate::sysctl::SysctlKey;

/// Records what a cluster has changed on one node.
///
/// It is written before anything is changed, so it may name an object that was then never made; it never
/// lacks one that was. What is *desired* the file alone says: the record says what may be deleted, and what
/// has to be restored then.
///
/// ```
/// use lvs_core::cluster::Record;
/// let record = Record::new("web".parse()?, "director".parse()?);
/// assert!(!record.is_applied());
/// assert_eq!(record.entries().count(), 0);
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub(super) schema: Schema,
    pub(in crate::cluster) cluster: ClusterName,
    pub(in crate::cluster) node: NodeName,
    /// Whether the cluster is on this node. After a removal the record stays, with the original configuration.
    pub(in crate::cluster) applied: bool,
    /// Set while a change is in progress; if found set, the last one was interrupted: an object that looks
    /// neither as found nor as made may be half changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::cluster) under_way: bool,
    /// The role that the last apply gave one of two directors, or was going to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cluster) role: Option<Role>,
    pub(in crate::cluster) virtual_ips: BTreeSet<IpAddr>,
    /// The addresses that only the active one of two directors carries.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(in crate::cluster) floating: BTreeSet<AddressId>,
    /// Each object as found before the first change (`null`: it did not exist), and as last made; in the
    /// order in which they were first met.
    #[serde(rename = "things", with = "stored")]
    pub(in crate::cluster) entries: ById<Change<Object>>,
    /// The real servers that get no new connections even if the file does not drain them.
    pub(in crate::cluster) drains: BTreeMap<Drain, Draining>,
    /// The services whose weights follow health: a controller runs, or was killed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(in crate::cluster) by_health: BTreeSet<ServiceId>,
    /// The services that lead probes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(in crate::cluster) probes: BTreeSet<ServiceId>,
    /// The nodes that serve, by the addresses of their destinations: for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::cluster) servers: BTreeMap<IpAddr, NodeName>,
    /// The other directors: for people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(in crate::cluster) other_directors: BTreeSet<NodeName>,
    /// The destinations that have weight 0 for now, with the weight to restore.
    pub(in crate::cluster) drained: Vec<Drained>,
}

/// The form of the file; a version that does not know the number refuses the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Schema {
    #[serde(rename = "lvsctl.record/1")]
    V1,
}

/// A destination that gets no new connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cluster) struct Drained {
    pub(in crate::cluster) service: ServiceId,
    /// With the weight to restore.
    pub(in crate::cluster) destination: Destination,
    /// Whether the file drains it, beside any drain on record.
    pub(in crate::cluster) by_file: bool,
}

impl Drained {
    pub(in crate::cluster) fn id(&self) -> (ServiceId, DestinationId) {
        (self.service, self.destination.id)
    }
}

impl Record {
    /// Returns the record of a node on which nothing has been changed.
    #[must_use]
    pub fn new(cluster: ClusterName, node: NodeName) -> Self {
        Self {
            schema: Schema::V1,
            cluster,
            node,
            applied: false,
            under_way: false,
            role: None,
            virtual_ips: BTreeSet::new(),
            floating: BTreeSet::new(),
            entries: ById::default(),
            drains: BTreeMap::new(),
            by_health: BTreeSet::new(),
            probes: BTreeSet::new(),
            servers: BTreeMap::new(),
            other_directors: BTreeSet::new(),
            drained: Vec::new(),
        }
    }

    /// Returns the cluster.
    #[must_use]
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Returns the node of the cluster that this host is.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Returns whether the cluster is on this node: it was applied and not removed since.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.applied
    }

    /// Returns the role that the last apply gave one of two directors, or was giving it when it was
    /// interrupted. `None` once the cluster was removed.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Returns the real servers that get no new connections even if the file does not drain them.
    #[must_use]
    pub fn drains(&self) -> &BTreeMap<Drain, Draining> {
        &self.drains
    }

    /// Returns the node that serves by an address, as the file named it when it was last applied.
    #[must_use]
    pub fn server(&self, address: IpAddr) -> Option<&NodeName> {
        self.servers.get(&address)
    }

    /// Returns the record with services whose weights a controller sets.
    #[cfg(feature = "check")]
    pub(crate) fn with_services_by_health(mut self, services: BTreeSet<ServiceId>) -> Self {
        self.by_health = services;
        self
    }

    /// Returns the services that lead probes and no clients.
    #[must_use]
    pub fn probe_services(&self) -> &BTreeSet<ServiceId> {
        &self.probes
    }

    /// Returns the services whose weights follow health: a controller runs, or was killed.
    #[must_use]
    pub fn services_by_health(&self) -> &BTreeSet<ServiceId> {
        &self.by_health
    }

    /// Returns what is known of the node without the file: enough for a removal, and nothing to apply.
    #[must_use]
    pub fn desired_state(&self) -> DesiredState {
        let is_director = self.role.is_some() || self.has_ipvs();
        let kind = match is_director {
            true => NodeKind::Director,
            false => NodeKind::RealServer,
        };
        DesiredState::empty(
            self.cluster.clone(),
            self.node.clone(),
            kind,
            self.virtual_ips.clone().into(),
        )
    }

    /// Returns each object as it was found and as it was last made, in the order in which they were first met.
    #[must_use]
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Change<Object>> {
        self.entries.iter()
    }

    /// Returns the way back to the original configuration of an object; `None` if there is none, or if the
    /// object was modified since by another program. After an interrupted change that cannot be told.
    pub(in crate::cluster) fn undone(
        &self,
        entry: &Change<Object>,
        now: &ObservedIndex<'_>,
        seen: &ObservedIndex<'_>,
    ) -> Option<Change<Object>> {
        // Sysctls may be ours however they look, for some follow others; and the kernel deletes addresses with
        // others.
        let follows = matches!(entry.newest(), Object::Sysctl(_) | Object::Address(_));
        let is_touched = !entry.is_void() || follows;
        let is_ours = entry.before().is_none()
            || (self.under_way && is_touched)
            || Object::are_alike(now.find(&entry.id()).as_ref(), entry.after());
        is_ours.then(|| seen.restore(entry, entry.before().cloned()))?
    }

    /// Returns the objects that existed before the cluster, that it has changed, and that look by now neither
    /// as found nor as made. After an interrupted change that cannot be told.
    pub(in crate::cluster) fn changed_since(
        &self,
        now: &Observed,
    ) -> impl Iterator<Item = &Change<Object>> {
        let changed = self.entries.iter().filter(|entry| {
            matches!(entry, Change::Edit(_) | Change::Delete(_)) && !entry.is_void()
        });
        let now = ObservedIndex::new(now);
        changed.filter(move |entry| {
            let found = now.find(&entry.id());
            let looks_like = |known| Object::are_alike(found.as_ref(), known);
            !self.under_way && !looks_like(entry.before()) && !looks_like(entry.after())
        })
    }

    /// Returns how an address was found that an interrupted change may have deleted.
    pub(in crate::cluster) fn interrupted(&self, id: &AddressId) -> Option<&Address> {
        let entry = self.entries().find(
            |entry| matches!(entry.newest(), Object::Address(address) if address.id == *id),
        )?;
        match entry.before() {
            Some(Object::Address(address)) if self.under_way => Some(address),
            _ => None,
        }
    }

    /// Returns whether it has an entry for an object.
    pub(in crate::cluster) fn knows(&self, id: &ObjectId) -> bool {
        self.entries.find(id).is_some()
    }

    pub(in crate::cluster) fn knows_service(&self, id: &ServiceId) -> bool {
        self.knows(&ObjectId::Service(*id))
    }

    /// Returns whether an object did not exist before the cluster.
    fn made(&self, id: &ObjectId) -> bool {
        self.entries
            .find(id)
            .is_some_and(|entry| entry.before().is_none())
    }

    /// Returns whether a service did not exist before the cluster.
    pub(in crate::cluster) fn made_service(&self, id: &ServiceId) -> bool {
        self.made(&ObjectId::Service(*id))
    }

    /// Returns whether no sync daemon of a role ran before the cluster's.
    pub(in crate::cluster) fn made_daemon(&self, role: DaemonRole) -> bool {
        self.made(&ObjectId::Daemon(role))
    }

    /// Returns whether an address was one of the cluster's virtual IPs when it was last applied.
    pub(in crate::cluster) fn is_virtual(&self, id: &AddressId) -> bool {
        self.virtual_ips.contains(&id.network.addr())
    }

    /// Returns whether it says nothing.
    pub(in crate::cluster) fn is_empty(&self) -> bool {
        *self == Self::new(self.cluster.clone(), self.node.clone())
    }

    /// Returns what counts of a record that was made on another kernel: the drains, and on the same host the role.
    pub(in crate::cluster) fn elsewhere(self, is_of_this_host: bool) -> Self {
        Self {
            drains: self.drains,
            role: self.role.filter(|_| is_of_this_host),
            ..Self::new(self.cluster, self.node)
        }
    }

    /// Returns the interfaces with addresses that may have to be deleted.
    pub(in crate::cluster) fn interfaces(&self) -> impl Iterator<Item = &IfName> {
        self.entries().filter_map(|entry| match entry.newest() {
            Object::Address(address) => Some(&address.id.interface),
            _ => None,
        })
    }

    /// Returns the tunnel devices that may have to be deleted.
    pub(in crate::cluster) fn tunnels(&self) -> impl Iterator<Item = &IfName> {
        self.entries().filter_map(|entry| match entry.newest() {
            Object::Tunnel(tunnel) => Some(&tunnel.name),
            _ => None,
        })
    }

    /// Returns whether there are listeners that may have to be deleted.
    pub(in crate::cluster) fn has_listeners(&self) -> bool {
        self.entries()
            .any(|entry| matches!(entry.newest(), Object::Listener(_)))
    }

    /// Returns whether there is anything of IPVS that may have to be deleted or restored, as on a director, and on a
    /// real server that was one.
    pub(in crate::cluster) fn has_ipvs(&self) -> bool {
        self.entries().any(|entry| entry.is_ipvs())
    }

    /// Returns the sysctls that may have to be restored.
    pub(in crate::cluster) fn sysctls(&self) -> impl Iterator<Item = &SysctlKey> {
        self.entries().filter_map(|entry| match entry.newest() {
            Object::Sysctl(setting) => Some(&setting.key),
            _ => None,
        })
    }

    /// Returns the sysctls as the cluster needs them.
    #[cfg(feature = "check")]
    pub(crate) fn applied_sysctls(&self) -> BTreeMap<SysctlKey, String> {
        let settings = self.entries().filter_map(|entry| match entry.after() {
            Some(Object::Sysctl(setting)) => Some((setting.key.clone(), setting.value.clone())),
            _ => None,
        });
        settings.collect()
    }

    /// Returns the weight to restore for a drained destination.
    pub(in crate::cluster) fn weight_for_later(
        &self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<Weight> {
        self.drained
            .iter()
            .find(|drained| drained.id() == (*service, *id))
            .map(|drained| drained.destination.weight)
    }

    /// Returns why another cluster must not be applied to this node beside this one: a virtual IP can belong
    /// to one cluster only, because each would delete the other's services, and a sysctl has one value.
    pub(in crate::cluster) fn claims(&self, node: &DesiredState) -> Vec<Refusal> {
        if !self.applied || self.cluster == node.cluster {
            return Vec::new();
        }
        let cluster = &self.cluster;
        let shared = self.virtual_ips.intersection(&node.virtual_ips);
        let addresses = shared.map(|vip| Refusal {
            obstacle: Obstacle::VirtualIp(*vip),
            problem: format!("belongs to the cluster {cluster} on this node"),
            hint: format!(
                "remove {cluster} first (lvsctl remove {cluster}), or use another address"
            ),
        });
        addresses.chain(self.other_values(node)).collect()
    }

    /// Sysctls that both clusters set, each to another value. One that follows another has its value from that.
    fn other_values<'a>(&'a self, node: &'a DesiredState) -> impl Iterator<Item = Refusal> + 'a {
        let leaders = node
            .sysctls
            .iter()
            .filter(|(key, _)| key.follows().is_none());
        leaders.filter_map(move |(key, desired)| {
            let id = ObjectId::Sysctl(key.clone());
            let entry = self.entries.find(&id)?;
            let Some(Object::Sysctl(setting)) = entry.after() else {
                return None;
            };
            let (cluster, value, wanted) = (&self.cluster, &setting.value, &desired.value);
            (value != wanted).then(|| {
                Refusal::of(
                    id,
                    format!(
                        "must be {wanted} for the cluster {}, and {value} for the cluster {cluster}, which is on \
                         this node, too",
                        node.cluster
                    ),
                    format!(
                        "write the same value in both files, or remove {cluster} first (lvsctl remove {cluster})"
                    ),
                )
            })
        })
    }
}
