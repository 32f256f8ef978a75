//! Addresses that must be there. Equal by interface, address and prefix length.

use std::cmp::Reverse;

use crate::cluster::change::{Object, Step, detail};
use crate::cluster::{DesiredState, Observed};
use crate::net::Address;

pub(super) fn own(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    missing(node, seen, false)
}

/// Those that draw traffic.
pub(super) fn attracting_traffic(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    missing(node, seen, true)
}

/// Those that the other director is to carry.
pub(super) fn released(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let there = node.absent.iter().filter_map(|absent| {
        let found = seen.address(&absent.value.id)?;
        Some(Step::delete(found.clone(), &absent.why))
    });
    later_first(there.collect(), seen)
}

fn missing(node: &DesiredState, seen: &Observed, attracts_traffic: bool) -> Vec<Step> {
    node.addresses
        .iter()
        .filter(|wanted| node.attracts_traffic(&wanted.value.id) == attracts_traffic)
        .filter(|wanted| seen.address(&wanted.value.id).is_none())
        .map(|wanted| Step::add(wanted.value.clone(), &wanted.why))
        .collect()
}

/// Deletions, the later ones of a network first: its first address would take them along.
pub(super) fn later_first(mut steps: Vec<Step>, seen: &Observed) -> Vec<Step> {
    let place = |step: &Step| match step.change.newest() {
        Object::Address(address) => seen
            .addresses
            .iter()
            .position(|found| found.id == address.id),
        _ => None,
    };
    steps.sort_by_key(|step| Reverse(place(step)));
    steps
}

/// Differences that the kernel cannot change in place, and addresses that stand elsewhere too.
pub(super) fn notes(node: &DesiredState, observed: &Observed) -> Vec<String> {
    let wanted = || node.addresses.iter().map(|wanted| &wanted.value);
    let named = || wanted().chain(node.absent.iter().map(|absent| &absent.value));
    let is_named = |found: &Address| named().any(|it| it.id == found.id);
    let unlike = wanted().filter_map(|wanted| unlike(wanted, observed.address(&wanted.id)?));
    let elsewhere = named().flat_map(|wanted| {
        let is_elsewhere = |found: &&Address| {
            !is_named(found) && found.id.network.addr() == wanted.id.network.addr()
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
        let has = match detail::address(found) {
            nothing if nothing.is_empty() => "nothing".to_owned(),
            detail => detail,
        };
        format!(
            "{} has {has} instead of {}; the kernel cannot change that in place, and nothing depends on it",
            found.id,
            detail::address(wanted)
        )
    })
}
