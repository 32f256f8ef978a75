//! Two cluster files compared on paper: what a node would change, without the node.

use super::{Plan, PlanOptions};
use crate::cluster::file::before_loading;
use crate::cluster::{Cluster, DesiredState, Observed, Record, Role};
use crate::name::IfName;

impl Plan {
    /// Returns what changes on a node between two clusters, of one of two directors in a role: when `new` is applied to
    /// a node on which `old` was applied and nothing else is, or to a fresh one that `old` lacks; or when `old` is
    /// removed because `new` lacks the node. Nothing if neither has the node.
    ///
    /// No node is read. What others have there and what is set up already are therefore not known.
    #[must_use]
    pub fn between(old: &Cluster, new: &Cluster, node: &str, role: Option<Role>) -> Option<Self> {
        let state = |cluster: &Cluster, name: &str| match role {
            Some(role) => cluster.node_as(name, role).or_else(|| cluster.node(name)),
            None => cluster.node(name),
        };
        let new_state = state(new, node);
        let former = match &new_state {
            Some(found) => new.former_name(&found.name, old).map(|name| name.as_str()),
            None => Some(node),
        };
        let old_state = former.and_then(|name| state(old, name));
        match (old_state, new_state) {
            (Some(old), new) => Some(Self::after_applying(&old, new.as_ref())),
            (None, Some(new)) => {
                let fresh = Observed::fresh(&[&new]);
                Some(Self::new(&new, &fresh, PlanOptions::default()))
            }
            (None, None) => None,
        }
    }

    fn after_applying(old: &DesiredState, new: Option<&DesiredState>) -> Self {
        let options = PlanOptions::default();
        let nodes: Vec<_> = std::iter::once(old).chain(new).collect();
        let fresh = Observed::fresh(&nodes);
        let first = Self::new(old, &fresh, options);
        let unknown = Record::new(old.cluster.clone(), old.name.clone());
        let record = unknown.after_applying(old, &fresh, &first);
        let applied = first.outcome(&fresh);
        match new {
            Some(new) => Self::with_record(new, &applied, &record, options),
            None => Self::removal_with_record(old, &applied, &record),
        }
    }
}

impl Observed {
    /// Returns a node that has the interfaces of the desired states, the kernel's defaults, and nothing else.
    fn fresh(nodes: &[&DesiredState]) -> Self {
        let is_tunnel = |name: &&IfName| {
            let mut tunnels = nodes.iter().flat_map(|node| &node.tunnels);
            tunnels.any(|tunnel| tunnel.value.name == **name)
        };
        let links = nodes.iter().flat_map(|node| node.links.keys());
        let sysctls = nodes.iter().flat_map(|node| node.sysctls.keys());
        Self {
            links: links
                .filter(|name| !is_tunnel(name))
                .map(|name| (name.clone(), true))
                .collect(),
            // With those from which a new tunnel device copies its own.
            sysctls: sysctls
                .flat_map(|key| key.template().into_iter().chain([key.clone()]))
                .map(|key| {
                    let value = before_loading(&key).unwrap_or("0").to_owned();
                    (key, value)
                })
                .collect(),
            ..Self::default()
        }
    }
}
