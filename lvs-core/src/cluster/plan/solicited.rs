//! IPv6 virtual IPs that neighbours do not find: unlike ARP, the kernel answers a neighbour solicitation only for the
//! addresses of the interface where it arrives.

use super::{Planner, Refusal};
use crate::cluster::NodeKind;
use crate::cluster::change::ObjectId;
use crate::name::IfName;
use crate::net::AddressId;

impl Planner<'_> {
    /// Refuses a director's virtual IPs that another interface carries than the one on whose network they are.
    pub(super) fn unanswered_virtual_ips(&self) -> Vec<Refusal> {
        let refused = |id: &AddressId| {
            let asked = self.unanswered(id)?;
            let ip = id.network.addr();
            Some(Refusal::of(
                ObjectId::Address(id.clone()),
                format!(
                    "is on the network of {asked}, where no neighbour solicitation for it is answered: clients there \
                     do not find it"
                ),
                format!(
                    "write it on that interface: {{ interface = \"{asked}\", address = \"{ip}/128\" }}"
                ),
            ))
        };
        let ids = self.ids();
        let mut refused: Vec<_> = ids.into_iter().filter_map(refused).collect();
        refused.dedup();
        refused
    }

    /// Returns notes of the others on which no question arrives: routers have to know the way.
    pub(super) fn routed_notes(&self) -> Vec<String> {
        let addresses = self.node.addresses.iter();
        let carried = addresses.map(|desired| &desired.value.id);
        carried
            .filter(|id| self.is_unannounced(id) && self.unanswered(id).is_none())
            .map(|id| {
                format!(
                    "{id} is announced to no neighbour, as IPv6 has it on {} only: routers must have a route to it by \
                     an address of this node",
                    id.interface
                )
            })
            .collect()
    }

    /// Returns the interface on whose network a virtual IP is that is carried by another one only.
    fn unanswered(&self, id: &AddressId) -> Option<&IfName> {
        let observed = self.observed.addresses.iter().map(|found| &found.id);
        let beside = || self.ids().into_iter().chain(observed.clone());
        let asked = id
            .asked_beside(beside())
            .filter(|name| !self.observed.without_neighbours.contains(*name))?;
        let ip = id.network.addr();
        let carries = |other: &&AddressId| other.network.addr() == ip && other.interface == *asked;
        let is_judged = self.node.kind == NodeKind::Director
            && ip.is_ipv6()
            && self.node.is_virtual(id)
            && !self.ids().iter().any(carries);
        is_judged.then_some(asked)
    }

    fn is_unannounced(&self, id: &AddressId) -> bool {
        let ip = id.network.addr();
        let is_silent = |id: &AddressId| {
            id.interface == IfName::LO || self.observed.without_neighbours.contains(&id.interface)
        };
        let mut of_it = self.ids().into_iter().filter(|id| id.network.addr() == ip);
        self.node.kind == NodeKind::Director
            && ip.is_ipv6()
            && self.node.is_virtual(id)
            && of_it.all(is_silent)
    }

    /// Returns the addresses that the file names, also those that a standby does not carry.
    fn ids(&self) -> Vec<&AddressId> {
        let all = self.node.addresses.iter().chain(&self.node.absent);
        all.map(|desired| &desired.value.id).collect()
    }
}
