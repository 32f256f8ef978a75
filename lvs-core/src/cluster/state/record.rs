//! What a cluster has to do with one machine: each thing as it was found, and as we have made it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::cluster::change::{Change, Object, ObjectId, stored};
use crate::cluster::drain::{Drain, Draining};
use crate::cluster::plan::{Obstacle, Refusal};
use crate::cluster::{ClusterName, DesiredState, NodeName, Observed, Role};
use crate::ipvs::{DaemonRole, Destination, DestinationId, ServiceId, Weight};
use crate::name::IfName;
use crate::net::AddressId;
use crate::sysctl::SysctlKey;

/// The memory of a cluster on one machine.
///
/// It is written before anything is changed, so it may name a thing that was then never made; it never
/// lacks one that was. What *must* be there is the file's business alone: the record only says what may
/// be taken away, and what has to come back when it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub(super) schema: Schema,
    pub(in crate::cluster) cluster: ClusterName,
    pub(in crate::cluster) node: NodeName,
    /// Whether the cluster is on this machine. After a removal the record stays, with what was found.
    pub(in crate::cluster) applied: bool,
    /// Whether something is being changed. Whoever reads it so comes after a change that was cut short:
    /// what looks as nobody has made it may be half of what we were doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::cluster) under_way: bool,
    /// Of two directors: which one the last apply made of it, or was going to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cluster) role: Option<Role>,
    pub(in crate::cluster) virtual_ips: BTreeSet<IpAddr>,
    /// A pair for each thing: as found before the first change (`null`: it was not there), and as last
    /// made; in the order in which they were first met.
    #[serde(with = "stored")]
    pub(in crate::cluster) things: Vec<Change<Object>>,
    /// What gets no new connections, whatever the file says.
    pub(in crate::cluster) drains: BTreeMap<Drain, Draining>,
    /// The destinations that have weight 0 for now, with the weight they get back.
    pub(in crate::cluster) drained: Vec<Drained>,
}

/// The form of the file; another number would be read by no version that does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Schema {
    #[serde(rename = "lvsctl.record/1")]
    V1,
}

/// A destination that gets no new connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cluster) struct Drained {
    pub(in crate::cluster) service: ServiceId,
    /// With the weight it gets back.
    pub(in crate::cluster) destination: Destination,
    /// Whether the file wants it so, whoever else does.
    pub(in crate::cluster) by_file: bool,
}

impl Drained {
    pub(super) fn place(&self) -> (ServiceId, DestinationId) {
        (self.service, self.destination.id)
    }
}

impl Record {
    /// The memory of a machine that nothing has been done on.
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
            things: Vec::new(),
            drains: BTreeMap::new(),
            drained: Vec::new(),
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Its machine that this one is.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Whether the cluster is on this machine: it was applied and not removed since.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.applied
    }

    /// Of two directors: which one the last apply made of it, or was making of it when it was cut short.
    /// `None` once the cluster was removed.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// What gets no new connections, whatever the file says.
    #[must_use]
    pub fn drains(&self) -> &BTreeMap<Drain, Draining> {
        &self.drains
    }

    /// Each thing as it was found and as it was last made, in the order in which they were first met.
    pub fn things(&self) -> impl DoubleEndedIterator<Item = &Change<Object>> {
        self.things.iter()
    }

    /// The way back to how a thing was found; `None` if there is none, or if somebody else has changed it
    /// since. After a change that was cut short nobody can tell by whom.
    pub(in crate::cluster) fn undone(
        &self,
        entry: &Change<Object>,
        now: &Observed,
        seen: &Observed,
    ) -> Option<Change<Object>> {
        // Sysctls may be ours however they look, for some follow others.
        let is_touched = !entry.is_void() || matches!(entry.newest(), Object::Sysctl(_));
        let is_ours = entry.before().is_none()
            || (self.under_way && is_touched)
            || Object::are_alike(now.find(&entry.id()).as_ref(), entry.after());
        is_ours.then(|| seen.restore(entry, entry.before().cloned()))?
    }

    /// The objects that were there before the cluster, that it has changed, and that look by now neither
    /// as it has found nor as it has made them. After a change that was cut short nobody can tell.
    pub(in crate::cluster) fn changed_since(
        &self,
        now: &Observed,
    ) -> impl Iterator<Item = &Change<Object>> {
        let changed = self.things.iter().filter(|entry| {
            matches!(entry, Change::Edit(..) | Change::Delete(_)) && !entry.is_void()
        });
        changed.filter(move |entry| {
            let found = now.find(&entry.id());
            let looks_like = |known| Object::are_alike(found.as_ref(), known);
            !self.under_way && !looks_like(entry.before()) && !looks_like(entry.after())
        })
    }

    /// Whether it has an entry for a thing.
    pub(in crate::cluster) fn knows(&self, id: &ObjectId) -> bool {
        self.things().any(|entry| entry.id() == *id)
    }

    pub(in crate::cluster) fn knows_service(&self, id: &ServiceId) -> bool {
        self.knows(&ObjectId::Service(*id))
    }

    /// Whether an object was not there before the cluster was.
    fn made(&self, id: &ObjectId) -> bool {
        self.things()
            .any(|entry| entry.before().is_none() && entry.id() == *id)
    }

    /// Whether a service was not there before the cluster was.
    pub(in crate::cluster) fn made_service(&self, id: &ServiceId) -> bool {
        self.made(&ObjectId::Service(*id))
    }

    /// Whether no sync daemon of a role ran before the cluster's did.
    pub(in crate::cluster) fn made_daemon(&self, role: DaemonRole) -> bool {
        self.made(&ObjectId::Daemon(role))
    }

    /// Whether an address was one of the cluster's virtual IPs when it was last applied.
    pub(in crate::cluster) fn is_virtual(&self, id: &AddressId) -> bool {
        self.virtual_ips.contains(&id.network.addr())
    }

    /// Whether it says nothing.
    pub(in crate::cluster) fn is_empty(&self) -> bool {
        *self == Self::new(self.cluster.clone(), self.node.clone())
    }

    /// What is left of a record that was made on another kernel: who is to be drained.
    pub(in crate::cluster) fn elsewhere(self) -> Self {
        Self {
            drains: self.drains,
            ..Self::new(self.cluster, self.node)
        }
    }

    /// The interfaces that carry addresses which it may have to take away.
    pub(in crate::cluster) fn interfaces(&self) -> impl Iterator<Item = &IfName> {
        self.things().filter_map(|entry| match entry.newest() {
            Object::Address(address) => Some(&address.id.interface),
            _ => None,
        })
    }

    /// The tunnel devices it may have to take away.
    pub(in crate::cluster) fn tunnels(&self) -> impl Iterator<Item = &IfName> {
        self.things().filter_map(|entry| match entry.newest() {
            Object::Tunnel(tunnel) => Some(&tunnel.name),
            _ => None,
        })
    }

    /// Whether there are listeners it may have to take away.
    pub(in crate::cluster) fn has_listeners(&self) -> bool {
        self.things()
            .any(|entry| matches!(entry.newest(), Object::Listener(_)))
    }

    /// The switches it may have to put back.
    pub(in crate::cluster) fn sysctls(&self) -> impl Iterator<Item = &SysctlKey> {
        self.things().filter_map(|entry| match entry.newest() {
            Object::Sysctl(setting) => Some(&setting.key),
            _ => None,
        })
    }

    /// The weight a drained destination gets back.
    pub(in crate::cluster) fn weight_for_later(
        &self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<Weight> {
        let mut drained = self.drained.iter();
        let found = drained.find(|it| it.service == *service && it.destination.id == *id);
        found.map(|it| it.destination.weight)
    }

    /// Why another cluster must not come to this machine beside this one: a virtual IP can be one
    /// cluster's only, else each would take away the other's services.
    pub(in crate::cluster) fn claims(&self, node: &DesiredState) -> Vec<Refusal> {
        if !self.applied || self.cluster == node.cluster {
            return Vec::new();
        }
        let shared = self.virtual_ips.intersection(&node.virtual_ips);
        shared
            .map(|vip| Refusal {
                obstacle: Obstacle::VirtualIp(*vip),
                problem: format!("belongs to the cluster {} on this node", self.cluster),
                advice: format!(
                    "remove {} first (lvsctl remove FILE), or use another address",
                    self.cluster
                ),
            })
            .collect()
    }
}
