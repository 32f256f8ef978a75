//! Tunnel devices and listeners that must exist. Two are the same by name; one that exists is never changed.

use super::{Planner, Refusal};
use crate::cluster::Observed;
use crate::cluster::change::{ObjectId, Step, detail};

impl Planner<'_> {
    pub(super) fn tunnels(&self, seen: &Observed) -> Vec<Step> {
        let devices = self
            .node
            .tunnels
            .iter()
            .filter(|desired| !seen.links.contains_key(&desired.value.name))
            .map(|desired| Step::add(desired.value.clone(), &desired.why));
        let listeners = self
            .node
            .listeners
            .iter()
            .filter(|desired| !seen.listeners.contains(&desired.value))
            .map(|desired| Step::add(desired.value, &desired.why));
        devices.chain(listeners).collect()
    }

    /// Interfaces of the right name that do not decapsulate what must be decapsulated.
    pub(super) fn tunnel_refusals(&self) -> Vec<Refusal> {
        let observed = self.observed;
        self.node
            .tunnels
            .iter()
            .map(|desired| &desired.value)
            .filter(|tunnel| observed.links.contains_key(&tunnel.name))
            .filter(|tunnel| !observed.tunnels.contains(tunnel))
            .map(|tunnel| {
                Refusal::of(
                    ObjectId::Tunnel(tunnel.name.clone()),
                    format!("exists, but not as {}", detail::tunnel(tunnel)),
                    format!("delete it: ip link delete {}", tunnel.name),
                )
            })
            .collect()
    }
}
