//! Interfaces that must be up. None is ever set down.

use super::{Action, Change, LinkState, Step};
use crate::cluster::{NodeState, Observed};

pub(super) fn up(node: &NodeState, seen: &Observed) -> Vec<Step> {
    let down = node
        .links
        .iter()
        .filter(|(name, _)| seen.links.get(name) == Some(&false));
    down.map(|(name, wanted)| {
        let link = |up| LinkState {
            name: name.clone(),
            up,
        };
        Step::new(
            Action::Link(Change::edit(link(false), link(true))),
            &wanted.why,
        )
    })
    .collect()
}
