//! Interfaces that must be up. Only one that is to be deleted is ever set down.

use super::Planner;
use crate::cluster::Observed;
use crate::cluster::change::{LinkState, Reason, Step};
use crate::name::IfName;

impl Planner<'_> {
    pub(super) fn links_up(&self, seen: &Observed) -> Vec<Step> {
        self.node
            .links
            .iter()
            .filter(|(name, _)| seen.links.get(name) == Some(&false))
            .map(|(name, desired)| Step::edit(link(name, false), link(name, true), &desired.why))
            .collect()
    }
}

/// Sets an interface down that is up.
pub(super) fn down(name: &IfName, seen: &Observed, why: impl Into<Reason>) -> Option<Step> {
    let is_up = seen.links.get(name) == Some(&true);
    is_up.then(|| Step::edit(link(name, true), link(name, false), why))
}

fn link(name: &IfName, up: bool) -> LinkState {
    LinkState {
        name: name.clone(),
        up,
    }
}
