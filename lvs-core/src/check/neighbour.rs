//! The neighbours that the cluster's packets need on a node: real servers and gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use crate::name::IfName;
use crate::net::{self, MacAddress, Neighbour, NeighbourState};

/// Holds what is known of a neighbour to which the node sends packets of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NeighbourFact {
    /// The link.
    pub interface: IfName,
    /// The neighbour's address: a real IP, or a gateway.
    pub address: IpAddr,
    /// The kernel's entry for it; `None` where it has none.
    pub entry: Option<Neighbour>,
    /// The hosts that answered when asked for it, the fastest first, without this host itself; `None` where the link
    /// was not asked.
    pub answers: Option<Vec<MacAddress>>,
}

impl NeighbourFact {
    /// Returns the state of the kernel's entry.
    #[must_use]
    pub fn state(&self) -> Option<NeighbourState> {
        self.entry.as_ref().map(|entry| entry.state)
    }

    /// Returns whether the entry alone does not tell whether packets arrive.
    fn is_doubtful(&self) -> bool {
        self.state()
            .is_some_and(|state| state.is_unanswered() || state == NeighbourState::Permanent)
    }
}

/// How long the answers of a doubtful neighbour are awaited.
const WAIT: Duration = Duration::from_millis(600);

impl Facts {
    /// Returns the neighbours that the looked-up packets go to. All of them are asked where `asked` says how long to
    /// wait; otherwise only those of which the kernel's entry leaves it open whether they answer.
    pub(super) fn needed_neighbours(
        &self,
        table: &[Neighbour],
        asked: Option<Duration>,
    ) -> Vec<NeighbourFact> {
        let mut found: Vec<_> = self
            .needed_hops()
            .into_iter()
            .map(|(interface, address)| NeighbourFact {
                entry: table
                    .iter()
                    .find(|entry| entry.interface == interface && entry.address == address)
                    .cloned(),
                answers: None,
                interface,
                address,
            })
            .collect();
        let mut questions: BTreeMap<IfName, Vec<IpAddr>> = BTreeMap::new();
        for fact in &found {
            if asked.is_some() || fact.is_doubtful() {
                let links = questions.entry(fact.interface.clone()).or_default();
                links.push(fact.address);
            }
        }
        for (interface, ips) in questions {
            // Without the privilege, or on a link that is down, the kernel's entry alone counts.
            let Ok(owners) = net::owners(&interface, &ips, asked.unwrap_or(WAIT)) else {
                continue;
            };
            for fact in &mut found {
                if fact.interface == interface && ips.contains(&fact.address) {
                    let owners = owners.iter().filter(|(ip, _)| *ip == fact.address);
                    let count = owners.clone().count();
                    let others = self.without_own(owners.map(|(_, mac)| *mac));
                    // Where only another interface of this host has answered, nothing is known of the neighbour.
                    fact.answers = (count == 0 || !others.is_empty()).then_some(others);
                }
            }
        }
        found
    }

    /// Returns hardware addresses without those of this host, which may have several interfaces on a link.
    pub(super) fn without_own(
        &self,
        macs: impl IntoIterator<Item = MacAddress>,
    ) -> Vec<MacAddress> {
        macs.into_iter()
            .filter(|mac| !self.links.iter().any(|link| link.mac == Some(*mac)))
            .collect()
    }

    /// Returns the next hops of the looked-up packets: gateways, and real servers on the link itself. A client there
    /// is none of the cluster's.
    fn needed_hops(&self) -> BTreeSet<(IfName, IpAddr)> {
        self.paths
            .iter()
            .filter(|path| path.is_sent())
            .filter(|path| path.decision.gateway.is_some() || path.query.source.is_none())
            .filter_map(|path| Some((path.decision.interface.clone()?, path.next_hop())))
            .filter(|(interface, _)| {
                self.has_neighbours(interface)
                    && self.link(interface).is_some_and(|link| link.mac.is_some())
            })
            .collect()
    }
}
