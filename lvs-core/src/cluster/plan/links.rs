//! Interfaces that must be up. None is ever set down, but to be deleted.

use crate::cluster::change::{LinkState, Step};
use crate::cluster::{DesiredState, Observed};
use crate::name::IfName;

pub(super) fn up(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let down = node
        .links
        .iter()
        .filter(|(name, _)| seen.links.get(name) == Some(&false));
    down.map(|(name, wanted)| {
        let link = |up| LinkState {
            name: name.clone(),
            up,
        };
        Step::edit(link(false), link(true), &wanted.why)
    })
    .collect()
}

/// Sets an interface down that is up.
pub(super) fn down(name: &IfName, seen: &Observed, why: &str) -> Option<Step> {
    let is_up = seen.links.get(name) == Some(&true);
    let link = |up| LinkState {
        name: name.clone(),
        up,
    };
    is_up.then(|| Step::edit(link(true), link(false), why))
}
