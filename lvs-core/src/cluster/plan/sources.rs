//! Virtual IPs that would be the source address of what a director sends to nodes that carry them, too. Such a
//! node drops the packets as forged and does not answer the ARP requests, so that no client is served.

use std::net::IpAddr;

use super::{Planner, Refusal};
use crate::cluster::change::{BoundDestination, ObjectId, Step};
use crate::cluster::{DesiredState, Observed, ObservedIndex};
use crate::ipvs::ServiceEntry;
use crate::net::{Address, AddressId, Route};

const RENEWED: &str = "IPVS looks up the source address of its packets again";

const WHY: &str = "behind the node's own address, which must be the source address";

impl Planner<'_> {
    /// Deletes virtual IPs that precede the node's own address: they are added again behind it.
    pub(super) fn displaced_virtual_ips(&self, seen: &Observed) -> Vec<Step> {
        let Ok(displaced) = self.displaced(seen) else {
            return Vec::new();
        };
        let present = displaced.iter().filter_map(|id| seen.address(id));
        let steps = present.map(|address| Step::delete(address.clone(), WHY));
        super::addresses::later_first(steps.collect(), seen)
    }

    /// Edits the destinations behind IPv6 tunnels, and changes nothing of them, where virtual IPs are no source
    /// addresses any more: IPVS keeps the one that it has looked up until the destination or a route changes.
    pub(super) fn renewed_destinations(&self, seen: &Observed) -> Vec<Step> {
        let node = self.node;
        if !node.may_send_from_virtual_ip(self.observed) || node.may_send_from_virtual_ip(seen) {
            return Vec::new();
        }
        let before = ObservedIndex::new(self.observed);
        let mut steps = Vec::new();
        let named = seen
            .services()
            .iter()
            .filter(|found| node.services.find(&found.service.id).is_some());
        for ServiceEntry {
            service,
            destinations,
        } in named
        {
            let kept = destinations
                .iter()
                .filter(|found| found.forwarding.is_tunnel() && found.id.address.is_ipv6())
                .filter(|found| before.destination(&service.id, &found.id) == Some(found));
            steps.extend(kept.map(|found| {
                let bound = BoundDestination {
                    service: service.id,
                    destination: *found,
                };
                Step::edit(bound, bound, RENEWED)
            }));
        }
        steps
    }

    /// Returns the virtual IPs that no order keeps from being the source address.
    pub(super) fn virtual_sources(&self) -> Option<Refusal> {
        let displaced = self.displaced(self.observed).err();
        let (ip, id) = displaced.or_else(|| self.only_virtual_ip())?;
        let own = "give the director an address of its own on that network";
        let length = id.network.max_prefix_len();
        let hint = match id.network.prefix_len() == length {
            true => own.to_owned(),
            false => format!("{own}, and the virtual IP the prefix length {length}"),
        };
        Some(Refusal::of(
            ObjectId::Address(id),
            format!(
                "would be the source address of what this node sends to {ip}, which has that address itself \
                 and does not answer"
            ),
            hint,
        ))
    }

    /// Returns an IPv6 address that carries virtual IPs behind a tunnel, and the one that is the source of packets to it
    /// where this node has no address of its own: a deprecated one is better than none.
    fn only_virtual_ip(&self) -> Option<(IpAddr, AddressId)> {
        let node = self.node;
        let (ip, vips) = node.carriers.iter().find(|(ip, _)| ip.is_ipv6())?;
        let desired = || node.addresses.iter().map(|desired| &desired.value);
        let source = desired().find(|address| vips.contains(&address.id.network.addr()))?;
        let is_own = |address: &&Address| {
            address.id.network.addr().is_ipv6()
                && !node.is_virtual(&address.id)
                && !address.is_deprecated()
        };
        let mut own = desired()
            .chain(self.observed.addresses.iter())
            .filter(is_own);
        own.next().is_none().then(|| (*ip, source.id.clone()))
    }

    /// Returns what decides on the source addresses when everything desired is added: of a large routing table only
    /// what leads to the carriers.
    fn with_desired_addresses(&self, seen: &Observed) -> Observed {
        let node = self.node;
        if node.carriers.is_empty() {
            return Observed::default();
        }
        let leads = |route: &&Route| {
            let to = route.id.destination;
            node.carriers.keys().any(|ip| to.contains(ip))
        };
        let missing = node.addresses.iter().map(|desired| &desired.value);
        let missing = missing.filter(|address| seen.address(&address.id).is_none());
        let desired = node.routes.iter().map(|desired| &desired.value);
        let links = seen.links.clone().into_iter();
        Observed {
            links: links
                .chain(node.links.keys().map(|name| (name.clone(), true)))
                .collect(),
            addresses: seen.addresses.iter().chain(missing).cloned().collect(),
            routes: seen
                .routes
                .iter()
                .chain(desired)
                .filter(leads)
                .cloned()
                .collect(),
            ..Observed::default()
        }
    }

    /// Returns the virtual IPs that have to be behind all other addresses; or an address that they carry, and
    /// the source address of packets to it, where that is not enough.
    pub(super) fn displaced(&self, seen: &Observed) -> Result<Vec<AddressId>, (IpAddr, AddressId)> {
        let mut after = self.with_desired_addresses(seen);
        let mut displaced = Vec::new();
        while let Some((ip, address)) = self.node.virtual_source(&after) {
            if displaced.contains(&address.id) || !self.node.names_address(&address.id) {
                return Err((ip, address.id));
            }
            after.addresses.retain(|found| found.id != address.id);
            displaced.push(address.id.clone());
            after.addresses.push(address);
        }
        Ok(displaced)
    }
}

impl DesiredState {
    /// Returns whether the kernel may choose a virtual IP as the source address of IPv6 packets.
    fn may_send_from_virtual_ip(&self, seen: &Observed) -> bool {
        let (virtual_ips, own): (Vec<_>, Vec<_>) = seen
            .addresses
            .iter()
            .filter(|found| found.id.network.addr().is_ipv6())
            .partition(|found| self.is_virtual(&found.id));
        virtual_ips.iter().any(|found| !found.is_deprecated())
            || !virtual_ips.is_empty() && own.iter().all(|found| found.is_deprecated())
    }

    fn virtual_source(&self, seen: &Observed) -> Option<(IpAddr, Address)> {
        self.carriers.iter().find_map(|(ip, vips)| {
            let source = seen.source_towards(*ip)?;
            vips.contains(&source.id.network.addr())
                .then(|| (*ip, source.clone()))
        })
    }
}
