//! One director or two, and what an operator has to add to them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Fitted;
use ipnet::IpNet;

use super::nodes::network;
use super::services::{leave_service, virtual_ips};
use crate::cluster::NodeName;
use crate::import::Options;
use crate::import::draft::{Draft, DraftService};
use crate::import::tally::Tally;
use crate::ipvs::{Destination, Forwarding};

/// How answers of a masqueraded real server return through the active one of two directors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WayBack {
    /// By an address that moves and is not virtual.
    Own,
    /// By a virtual IP, which its gateway has to name.
    Virtual(IpAddr),
    Missing,
}

impl WayBack {
    pub(super) fn of(ip: IpAddr, draft: &Draft, networks: &[IpNet]) -> Self {
        let (network, _) = network(ip, networks);
        let vips: BTreeSet<IpAddr> = draft.services.iter().flat_map(virtual_ips).collect();
        let addresses = draft.addresses.iter();
        let near = addresses
            .map(|address| address.address.id.network.addr())
            .filter(|address| network.contains(address) && *address != ip);
        let (virtual_ips, own): (Vec<_>, Vec<_>) = near.partition(|address| vips.contains(address));
        let mut ends = ends(draft).filter(|end| end.id.address == ip);
        // Who carries a virtual IP cannot have it as the gateway.
        let is_masqueraded = ends.all(|end| end.forwarding == Forwarding::Masquerade);
        match (own.is_empty(), virtual_ips.first()) {
            (false, _) => Self::Own,
            (true, Some(vip)) if is_masqueraded => Self::Virtual(*vip),
            _ => Self::Missing,
        }
    }
}

fn ends(draft: &Draft) -> impl Iterator<Item = &Destination> {
    let ends = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    ends.map(|end| &end.destination)
}

/// Why addresses do not float.
const STAYS: &str = "it does not move between two directors: answers of masqueraded real servers need an address that \
                     moves on their network, too, and the source has none";
const STRANDED: &str = "the file has two directors, and no address that moves is on the network of its masqueraded real \
                        servers: answers would not return. Add one, with floating = true, and the service";

/// Leaves services whose answers would not return through the active one of two directors, if others move between these;
/// without others, the addresses do not move.
pub(super) fn leave_stranded(draft: &mut Draft, networks: &[IpNet], tally: &mut Tally) {
    if !draft.floats {
        return;
    }
    let is_lost = |end: &Destination| {
        end.forwarding == Forwarding::Masquerade
            && WayBack::of(end.id.address, draft, networks) == WayBack::Missing
    };
    let lost: BTreeSet<IpAddr> = ends(draft)
        .filter(|end| is_lost(end))
        .map(|end| end.id.address)
        .collect();
    let is_stranded = |service: &DraftService| {
        let mut ends = service.destinations.iter().map(|end| &end.destination);
        ends.any(|end| end.forwarding == Forwarding::Masquerade && lost.contains(&end.id.address))
    };
    if draft.services.iter().all(is_stranded) {
        draft.floats = false;
        for peer in std::mem::take(&mut draft.peers) {
            let reason = "the file has one director, and it is another's";
            peer.directive
                .into_iter()
                .for_each(|line| tally.left(line, reason));
        }
        draft.notes.push(
            "The source has VRRP, but no address that moves on the network of masqueraded real servers: answers need \
             one. Add it and write two [[directors]] with floating addresses; as it is, apply the file to one director \
             only."
                .to_owned(),
        );
        for address in &mut draft.addresses {
            address
                .directive
                .into_iter()
                .for_each(|line| tally.doubt(line, STAYS));
            let assumed = address.assumed.take().into_iter();
            let all: Vec<_> = assumed
                .chain(["not floating, see above".to_owned()])
                .collect();
            address.assumed = Some(all.join("; "));
        }
        return;
    }
    for end in draft
        .services
        .iter()
        .flat_map(|service| &service.destinations)
    {
        if let WayBack::Virtual(vip) = WayBack::of(end.destination.id.address, draft, networks) {
            tally.doubt(
                end.directive,
                &format!("with the virtual IP {vip} as its gateway, which moves"),
            );
        }
    }
    let (stranded, services): (Vec<_>, Vec<_>) = std::mem::take(&mut draft.services)
        .into_iter()
        .partition(is_stranded);
    draft.services = services;
    for service in &stranded {
        leave_service(service, tally, STRANDED);
        draft.notes.push(format!(
            "Not imported: {} ({}): {STRANDED}.",
            service.service.id, service.place
        ));
    }
    let vips: BTreeSet<IpAddr> = draft.services.iter().flat_map(virtual_ips).collect();
    draft.addresses.retain(|address| {
        address.directive.is_some() || vips.contains(&address.address.id.network.addr())
    });
}

impl Fitted {
    /// Writes two directors, where addresses move and two can be written.
    pub(super) fn pair(&mut self, options: &Options) {
        if !self.draft.floats {
            return;
        }
        let mut second = format!("{}-2", options.node);
        if NodeName::new(second.as_str()).is_err()
            || self.nodes.values().any(|name| *name == second)
        {
            second = "the-other-director".to_owned();
        }
        self.directors.push(second);
        let mut servers = self.servers.iter();
        if let Some(itself) = servers.find(|server| server.network.addr().is_loopback()) {
            self.draft.notes.push(format!(
                "{} is each of the directors itself, and no node to apply anything to: leave it out of orders and \
                 rollouts.",
                itself.name
            ));
        }
        let missing = match (self.draft.own.is_empty(), self.draft.peers.is_empty()) {
            (true, _) => {
                "Their names, and addresses of their own, are not in the source: add them, with their prefix lengths."
            }
            (false, true) => {
                "Their names, and the other one's own address, are not in the source: add them."
            }
            (false, false) => {
                "Their names are not in the source: write those that their hosts have."
            }
        };
        let note = format!("Two directors, of which VRRP decides which one is active. {missing}");
        self.draft.notes.push(note);
    }

    /// A source says what clients connect to, not what the director is called by itself.
    pub(super) fn note_own_address(&mut self, vips: &BTreeSet<IpAddr>) {
        let mut addresses = self.draft.own.iter().chain(&self.draft.addresses);
        let has_own = addresses.any(|draft| !vips.contains(&draft.address.id.network.addr()));
        if !has_own && self.directors.len() == 1 && !self.draft.is_observed {
            self.draft.notes.push(
                "The director has an address of its own that the source does not name: add it to director.addresses, \
                 with its prefix length. Probes leave from it, and real servers of dr and nat are on its network."
                    .to_owned(),
            );
        }
    }
}
