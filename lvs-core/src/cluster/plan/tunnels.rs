//! Tunnel devices and listeners that must be there. Equal by name; one that is there is never changed.

use super::Refusal;
use crate::cluster::change::{Object, ObjectId, Step, detail};
use crate::cluster::{DesiredState, Observed};
use crate::name::IfName;

pub(super) fn made(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let missing = node
        .tunnels
        .iter()
        .filter(|wanted| !seen.links.contains_key(&wanted.value.name));
    missing
        .map(|wanted| Step::add(wanted.value.clone(), &wanted.why))
        .collect()
}

/// Ports that must be open.
pub(super) fn listening(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let missing = node
        .listeners
        .iter()
        .filter(|wanted| !seen.listeners.contains(&wanted.value));
    missing
        .map(|wanted| Step::add(wanted.value, &wanted.why))
        .collect()
}

/// Whether it is a listener, or a device that carries nothing: another cluster may have come to use it.
pub(super) fn is_idle(object: &Object, seen: &Observed) -> bool {
    match object {
        Object::Tunnel(tunnel) => !carries_address(&tunnel.name, seen),
        Object::Listener(_) => true,
        _ => false,
    }
}

pub(super) fn carries_address(interface: &IfName, seen: &Observed) -> bool {
    let mut addresses = seen.addresses.iter();
    addresses.any(|address| address.id.interface == *interface)
}

/// Interfaces of the right name that do not unwrap what must be unwrapped.
pub(super) fn refusals(node: &DesiredState, observed: &Observed) -> Vec<Refusal> {
    let wanted = node.tunnels.iter().map(|wanted| &wanted.value);
    let unlike = wanted.filter(|wanted| {
        observed.links.contains_key(&wanted.name) && !observed.tunnels.contains(wanted)
    });
    unlike
        .map(|wanted| {
            Refusal::of(
                ObjectId::Tunnel(wanted.name.clone()),
                format!("is there, but is no {}", detail::tunnel(wanted)),
                format!("delete it: ip link delete {}", wanted.name),
            )
        })
        .collect()
}
