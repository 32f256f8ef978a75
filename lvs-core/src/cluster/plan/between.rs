//! Two cluster files compared on paper: what a node would change, without the node.

use super::{Plan, PlanOptions};
use crate::cluster::{Cluster, DesiredState, Observed, Record, Role};

impl Plan {
    /// Returns what changes on a node between two clusters, of one of two directors in a role: when `new` is applied to
    /// a node on which `old` was applied and nothing else is, or when `old` is removed because `new` lacks the node.
    /// Nothing if neither has the node.
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
            (None, Some(new)) => Some(Self::new(
                &new,
                &Observed::default(),
                PlanOptions::default(),
            )),
            (None, None) => None,
        }
    }

    fn after_applying(old: &DesiredState, new: Option<&DesiredState>) -> Self {
        let (bare, options) = (Observed::default(), PlanOptions::default());
        let first = Self::new(old, &bare, options);
        let unknown = Record::new(old.cluster.clone(), old.name.clone());
        let record = unknown.after_applying(old, &bare, &first);
        let applied = first.outcome(&bare);
        match new {
            Some(new) => Self::with_record(new, &applied, &record, options),
            None => Self::removal_with_record(old, &applied, &record),
        }
    }
}
