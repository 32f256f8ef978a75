//! How much of a machine is looked at.

use std::collections::BTreeSet;

use crate::cluster::{DesiredState, NodeKind, Record};
use crate::name::IfName;
use crate::sysctl::{Conf, SysctlKey};

/// What is to be read on a machine: only what its plan can need, and what the plan's steps change
/// besides (see [`Observed::after`](super::Observed::after)), so that it can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    sysctls: BTreeSet<SysctlKey>,
    links: BTreeSet<IfName>,
    tunnels: BTreeSet<IfName>,
    listeners: bool,
    ipvs: bool,
}

impl Scope {
    /// What the plan of a machine can need.
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
        }
    }

    /// Whether tunnel devices are to be read.
    #[must_use]
    pub fn reads_tunnels(&self) -> bool {
        !self.tunnels.is_empty()
    }

    /// Whether listeners are to be read.
    #[must_use]
    pub const fn reads_listeners(&self) -> bool {
        self.listeners
    }

    /// What the plan of a machine can need that the cluster has a record of: besides, what has to be
    /// put back as it was found.
    #[must_use]
    pub fn recorded(node: &DesiredState, record: &Record) -> Self {
        let mut scope = Self::of(&record.honoured(node));
        scope.sysctls.extend(record.sysctls().cloned());
        scope.links.extend(record.interfaces().cloned());
        scope.tunnels.extend(record.tunnels().cloned());
        scope.listeners |= record.has_listeners();
        scope
    }

    /// What draining can need.
    pub(in crate::cluster) fn of_drains() -> Self {
        Self {
            sysctls: BTreeSet::from([SysctlKey::EXPIRE_QUIESCENT_TEMPLATE]),
            ipvs: true,
            ..Self::default()
        }
    }

    /// Whether the kernel's table of services is to be read.
    #[must_use]
    pub const fn reads_ipvs(&self) -> bool {
        self.ipvs
    }

    /// The kernel switches to read on a machine with these interfaces.
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
        // They decide what else goes with an address.
        let own = links.into_iter().filter(|name| self.links.contains(name));
        let confs = own.map(Conf::Interface).chain([Conf::All]);
        keys.extend(confs.map(|conf| SysctlKey::promote_secondaries(&conf)));
        keys.extend(self.templates());
        keys
    }

    /// A device that is still to be made will have the values of the template.
    fn templates(&self) -> BTreeSet<SysctlKey> {
        let made = |key: &&SysctlKey| self.tunnels.iter().any(|name| key.is_of(name));
        let keys = self.sysctls.iter().filter(made);
        let mut templates: BTreeSet<_> = keys.filter_map(SysctlKey::template).collect();
        if !self.tunnels.is_empty() {
            templates.insert(SysctlKey::promote_secondaries(&Conf::Default));
        }
        templates
    }
}

/// The switches that follow the one of `all`.
fn pushed(links: &[IfName], key: fn(&Conf) -> SysctlKey) -> impl Iterator<Item = SysctlKey> {
    let each = links.iter().cloned().map(Conf::Interface);
    each.chain([Conf::Default]).map(move |conf| key(&conf))
}
