//! Tunnel devices and listeners that must be there. Equal by name; one that is there is never changed.

use super::Refusal;
use crate::cluster::change::{Action, Change, Step, Subject};
use crate::cluster::{DesiredState, Observed};

pub(super) fn made(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let missing = node
        .tunnels
        .iter()
        .filter(|wanted| !seen.links.contains_key(&wanted.value.name));
    missing
        .map(|wanted| {
            let change = Change::Add(wanted.value.clone());
            Step::new(Action::Tunnel(change), &wanted.why)
        })
        .collect()
}

/// Ports that must be open.
pub(super) fn listening(node: &DesiredState, seen: &Observed) -> Vec<Step> {
    let missing = node
        .listeners
        .iter()
        .filter(|wanted| !seen.listeners.contains(&wanted.value));
    missing
        .map(|wanted| Step::new(Action::Listener(Change::Add(wanted.value)), &wanted.why))
        .collect()
}

/// Whether it is a listener, or a device that carries nothing: another cluster may have come to use it.
pub(super) fn is_idle(thing: &Action, seen: &Observed) -> bool {
    match thing {
        Action::Tunnel(change) => change.newest().is_some_and(|tunnel| {
            let mut addresses = seen.addresses.iter();
            !addresses.any(|address| address.id.interface == tunnel.name)
        }),
        Action::Listener(_) => true,
        _ => false,
    }
}

/// Interfaces of the right name that do not unwrap what must be unwrapped.
pub(super) fn refusals(node: &DesiredState, observed: &Observed) -> Vec<Refusal> {
    let wanted = node.tunnels.iter().map(|wanted| &wanted.value);
    let unlike = wanted.filter(|wanted| {
        observed.links.contains_key(&wanted.name) && !observed.tunnels.contains(wanted)
    });
    unlike
        .map(|wanted| Refusal {
            what: "tunnel",
            name: wanted.name.to_string(),
            problem: format!("is there, but is no {}", wanted.detail()),
            advice: format!("delete it: ip link delete {}", wanted.name),
        })
        .collect()
}
