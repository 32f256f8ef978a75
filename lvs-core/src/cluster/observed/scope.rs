//! How much of a node is read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::IpvsState;
use super::index::IndexedService;
use crate::cluster::{DesiredState, NodeKind, Record};
use crate::ipvs::{DestinationId, ServiceId};
use crate::name::IfName;
use crate::sysctl::{Conf, SysctlKey};

/// Says what is to be read on a node: only what its plan can need, and what the plan's steps change besides
/// (see [`Observed::after`](super::Observed::after)), so that it can be rolled back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadScope {
    sysctls: BTreeSet<SysctlKey>,
    links: BTreeSet<IfName>,
    tunnels: BTreeSet<IfName>,
    listeners: bool,
    ipvs: bool,
    /// The directly routed destinations of each service.
    routed_directly: BTreeMap<ServiceId, Vec<DestinationId>>,
}

impl ReadScope {
    /// Returns what the plan of a node can need.
    #[must_use]
    pub fn of(node: &DesiredState) -> Self {
        Self {
            sysctls: node.sysctls.keys().cloned().collect(),
            links: node.links.keys().cloned().collect(),
            tunnels: node
                .tunnels
                .iter()
                .map(|tunnel| tunnel.value.name.clone())
                .collect(),
            listeners: !node.listeners.is_empty(),
            ipvs: node.kind == NodeKind::Director,
            routed_directly: node
                .services
                .iter()
                .map(|desired| {
                    let ids = desired.routed_directly();
                    (desired.service.id, ids.collect())
                })
                .collect(),
        }
    }

    /// Returns whether tunnel devices are to be read.
    #[must_use]
    pub fn reads_tunnels(&self) -> bool {
        !self.tunnels.is_empty()
    }

    /// Returns whether listeners are to be read.
    #[must_use]
    pub const fn reads_listeners(&self) -> bool {
        self.listeners
    }

    /// Returns what the plan of a node can need where there is a record: besides, what may have to be
    /// restored.
    #[must_use]
    pub fn recorded(node: &DesiredState, record: &Record) -> Self {
        let mut scope = Self::of(&record.with_drains(node));
        scope.sysctls.extend(record.sysctls().cloned());
        scope.links.extend(record.interfaces().cloned());
        scope.tunnels.extend(record.tunnels().cloned());
        scope.listeners |= record.has_listeners();
        scope.ipvs |= record.has_ipvs();
        scope
    }

    /// Returns what draining can need.
    pub(in crate::cluster) fn of_drains() -> Self {
        Self {
            sysctls: BTreeSet::from([SysctlKey::EXPIRE_QUIESCENT_TEMPLATE]),
            ipvs: true,
            ..Self::default()
        }
    }

    /// Returns the directly routed destinations that a table of services lacks.
    pub(super) fn missing_of(&self, ipvs: &IpvsState) -> HashSet<DestinationId> {
        let IpvsState::Loaded { services, .. } = ipvs else {
            return HashSet::new();
        };
        let found: HashMap<_, _> = services
            .iter()
            .map(|found| (found.service.id, IndexedService::new(found)))
            .collect();
        let mut missing = HashSet::new();
        for (service, ids) in &self.routed_directly {
            let found = found.get(service);
            let is_missing =
                |id: &&DestinationId| found.is_none_or(|found| found.destination(id).is_none());
            missing.extend(ids.iter().filter(is_missing).copied());
        }
        missing
    }

    /// Returns whether the kernel's table of services is to be read.
    #[must_use]
    pub const fn reads_ipvs(&self) -> bool {
        self.ipvs
    }

    /// Returns the sysctls to read on a node with these interfaces.
    #[must_use]
    pub fn sysctls<'a>(&self, links: impl IntoIterator<Item = &'a IfName>) -> BTreeSet<SysctlKey> {
        let links: Vec<_> = links.into_iter().cloned().collect();
        let mut keys = self.sysctls.clone();
        if keys.contains(&SysctlKey::IP_FORWARD) {
            keys.insert(SysctlKey::ACCEPT_REDIRECTS);
            keys.extend(pushed(&links, SysctlKey::forwarding));
        }
        if keys.contains(&SysctlKey::IPV6_FORWARDING) {
            keys.extend(pushed(&links, SysctlKey::ipv6_forwarding));
        }
        // They decide what the kernel removes together with an address.
        let confs = links
            .into_iter()
            .filter(|name| self.links.contains(name))
            .map(Conf::Interface)
            .chain([Conf::All]);
        keys.extend(confs.map(|conf| SysctlKey::promote_secondaries(&conf)));
        keys.extend(self.templates());
        keys
    }

    /// A device that is still to be made will have the values of the template.
    fn templates(&self) -> BTreeSet<SysctlKey> {
        let mut templates: BTreeSet<_> = self
            .sysctls
            .iter()
            .filter(|key| self.tunnels.iter().any(|name| key.is_of(name)))
            .filter_map(SysctlKey::template)
            .collect();
        if !self.tunnels.is_empty() {
            templates.insert(SysctlKey::promote_secondaries(&Conf::Default));
        }
        templates
    }
}

/// Returns the sysctls that follow the one of `all`.
fn pushed(links: &[IfName], key: fn(&Conf) -> SysctlKey) -> impl Iterator<Item = SysctlKey> {
    links
        .iter()
        .cloned()
        .map(Conf::Interface)
        .chain([Conf::Default])
        .map(move |conf| key(&conf))
}
