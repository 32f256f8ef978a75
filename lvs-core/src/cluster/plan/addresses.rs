//! Addresses that must be there. Equal by interface, address and prefix length.

use std::cmp::Reverse;

use super::subject::Subject;
use super::{Action, Change, Step};
use crate::cluster::{NodeState, Observed};
use crate::net::Address;

pub(super) fn own(node: &NodeState, seen: &Observed) -> Vec<Step> {
    missing(node, seen, false)
}

pub(super) fn virtual_ips(node: &NodeState, seen: &Observed) -> Vec<Step> {
    missing(node, seen, true)
}

fn missing(node: &NodeState, seen: &Observed, virtual_ones: bool) -> Vec<Step> {
    node.addresses
        .iter()
        .filter(|wanted| node.is_virtual(&wanted.value.id) == virtual_ones)
        .filter(|wanted| seen.address(&wanted.value.id).is_none())
        .map(|wanted| {
            Step::new(
                Action::Address(Change::add(wanted.value.clone())),
                &wanted.why,
            )
        })
        .collect()
}

/// Deletions, the later ones of a network first: its first address would take them along.
pub(super) fn later_first(mut steps: Vec<Step>, seen: &Observed) -> Vec<Step> {
    let place = |step: &Step| match &step.action {
        Action::Address(change) => {
            let id = change.newest().map(|address| &address.id);
            seen.addresses.iter().position(|it| Some(&it.id) == id)
        }
        _ => None,
    };
    steps.sort_by_key(|step| Reverse(place(step)));
    steps
}

/// Differences that the kernel cannot change in place, and addresses that stand elsewhere too.
pub(super) fn notes(node: &NodeState, observed: &Observed) -> Vec<String> {
    let wanted = || node.addresses.iter().map(|wanted| &wanted.value);
    let unlike = wanted().filter_map(|wanted| unlike(wanted, observed.address(&wanted.id)?));
    let elsewhere = wanted().flat_map(|wanted| {
        let is_elsewhere = |found: &&Address| {
            found.id != wanted.id && found.id.network.addr() == wanted.id.network.addr()
        };
        observed.addresses.iter().filter(is_elsewhere).map(|found| {
            format!(
                "{} stands there too, beside {}; it is left as it is",
                found.id, wanted.id
            )
        })
    });
    unlike.chain(elsewhere).collect()
}

fn unlike(wanted: &Address, found: &Address) -> Option<String> {
    let label = wanted.label.is_some() && wanted.label != found.label;
    let broadcast = wanted.broadcast.is_some() && wanted.broadcast != found.broadcast;
    (label || broadcast).then(|| {
        let has = match found.detail() {
            nothing if nothing.is_empty() => "nothing".to_owned(),
            detail => detail,
        };
        format!(
            "{} has {has} instead of {}; the kernel cannot change that in place, and nothing depends on it",
            found.id,
            wanted.detail()
        )
    })
}
