//! Addresses that must exist. Two are the same by interface, address and prefix length.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use super::Planner;
use super::draft::Draft;
use crate::cluster::Observed;
use crate::cluster::change::{Object, ObjectId, Step, detail};
use crate::net::Address;

impl Planner<'_> {
    pub(super) fn own_addresses(&self, seen: &Observed) -> Vec<Step> {
        self.missing_addresses(seen, false)
    }

    /// Adds the addresses that attract traffic, of every node but one of two directors.
    pub(super) fn virtual_ips(&self, seen: &Observed) -> Vec<Step> {
        match self.node.role {
            None => self.missing_virtual_ips(seen),
            Some(_) => Vec::new(),
        }
    }

    /// Adds the addresses that attract traffic, of one of two directors.
    pub(super) fn floating_addresses(&self, seen: &Observed) -> Vec<Step> {
        match self.node.role {
            Some(_) => self.missing_virtual_ips(seen),
            None => Vec::new(),
        }
    }

    /// The kernel takes the first address as source: those that must not be one are last.
    fn missing_virtual_ips(&self, seen: &Observed) -> Vec<Step> {
        let mut steps = self.missing_addresses(seen, true);
        let last = self.displaced(seen).unwrap_or_default();
        steps.sort_by_key(|step| {
            let id = step.change.id();
            let place = last
                .iter()
                .position(|last| id == ObjectId::Address(last.clone()));
            place.map_or(0, |place| place + 1)
        });
        steps
    }

    /// Addresses that the other director is to carry.
    pub(super) fn released_addresses(&self, seen: &Observed) -> Vec<Step> {
        let steps = self.node.absent.iter().filter_map(|absent| {
            let found = seen.address(&absent.value.id)?;
            Some(Step::delete(found.clone(), &absent.why))
        });
        later_first(steps.collect(), seen)
    }

    /// Returns an address as it is added: as it was found where this change deletes it before, or an interrupted one
    /// has deleted it.
    fn new_address(&self, desired: &Address) -> Address {
        let found = self.observed.address(&desired.id);
        let found = found.or_else(|| self.record.interrupted(&desired.id));
        let found = found.unwrap_or(desired);
        Address {
            preferred: desired.preferred.or(found.preferred),
            ..found.clone()
        }
    }

    fn missing_addresses(&self, seen: &Observed, attracts_traffic: bool) -> Vec<Step> {
        self.node
            .addresses
            .iter()
            .filter(|desired| self.node.attracts_traffic(&desired.value.id) == attracts_traffic)
            .filter_map(|desired| match seen.address(&desired.value.id) {
                None => Some(Step::add(self.new_address(&desired.value), &desired.why)),
                Some(found) => deprecated(&desired.value, found),
            })
            .collect()
    }

    /// Differences that the kernel cannot change in place, and addresses that exist elsewhere, too.
    pub(super) fn address_notes(&self, draft: &Draft<'_>) -> Vec<String> {
        let desired = || self.node.addresses.iter().map(|desired| &desired.value);
        let named = || desired().chain(self.node.absent.iter().map(|absent| &absent.value));
        let differing = desired()
            .filter_map(|desired| difference(desired, self.observed.address(&desired.id)?));
        let mut unnamed: HashMap<IpAddr, Vec<_>> = HashMap::new();
        for found in &self.observed.addresses {
            if !self.node.names_address(&found.id) && !draft.deletes(&found.id) {
                let same = unnamed.entry(found.id.network.addr()).or_default();
                same.push(&found.id);
            }
        }
        let elsewhere = named().flat_map(|named| {
            let found = unnamed.get(&named.id.network.addr());
            found.into_iter().flatten().map(|found| {
                let named = &named.id;
                format!("{found} exists, too, beside {named}; it is left unchanged")
            })
        });
        differing.chain(elsewhere).collect()
    }
}

/// Sorts deletions, the later ones of a network first: the kernel removes them together with its first one.
pub(super) fn later_first(mut steps: Vec<Step>, seen: &Observed) -> Vec<Step> {
    let places: HashMap<_, _> = seen
        .addresses
        .iter()
        .enumerate()
        .rev()
        .map(|(place, found)| (&found.id, place))
        .collect();
    steps.sort_by_key(|step| match step.change.newest() {
        Object::Address(address) => Reverse(places.get(&address.id).copied()),
        _ => Reverse(None),
    });
    steps
}

/// The lifetimes are what the kernel can change of an address in place.
fn deprecated(desired: &Address, found: &Address) -> Option<Step> {
    let after = Address {
        preferred: Some(0),
        ..found.clone()
    };
    (desired.is_deprecated() && !found.is_deprecated()).then(|| {
        let why = "packets of this node's own must not have the virtual IP as source address";
        Step::edit(found.clone(), after, why)
    })
}

fn difference(desired: &Address, found: &Address) -> Option<String> {
    let label = desired.label.is_some() && desired.label != found.label;
    let broadcast = desired.broadcast.is_some() && desired.broadcast != found.broadcast;
    (label || broadcast).then(|| {
        let has = match detail::address(found) {
            nothing if nothing.is_empty() => "nothing".to_owned(),
            detail => detail,
        };
        format!(
            "{} has {has} instead of {}; the kernel cannot change that in place, and nothing depends on it",
            found.id,
            detail::address(desired)
        )
    })
}
