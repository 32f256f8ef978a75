//! Destinations that a cluster file can have, with the ports that their methods leave.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Reason;
use super::addresses::is_host;
use crate::import::draft::{Draft, DraftDestination, DraftService};
use crate::import::health::NO_CHECK;
use crate::import::tally::Tally;
use crate::ipvs::{Destination, Encapsulation, Family, Forwarding, ServiceId, Weight};

/// Makes a loopback address the director's own, where it has one that is not the other director's too. Otherwise it is that
/// of a real server which each director is, and as a fallback is not tested: that its page is there follows from no probe.
pub(super) fn local_nodes(
    service: &mut DraftService,
    own: &BTreeMap<Family, IpAddr>,
    is_observed: bool,
) {
    for draft in &mut service.destinations {
        let destination = &mut draft.destination;
        let ip = &mut destination.id.address;
        if is_observed || !ip.is_loopback() {
            continue;
        }
        if let Some(own) = own.get(&Family::from(*ip)) {
            draft.assumed = Some(format!("the director itself, by {own} in place of {ip}"));
            *ip = *own;
            continue;
        }
        draft.is_checked &= !draft.is_fallback;
        if destination.forwarding == Forwarding::Masquerade {
            let reason = "by dr: the kernel masquerades nothing to a loopback address";
            draft.assumed = Some(reason.to_owned());
            destination.forwarding = Forwarding::DirectRouting;
        }
    }
}

/// Returns the first encapsulation that has to be written out; a cluster file has one.
pub(super) fn tunnel(draft: &Draft) -> Option<Encapsulation> {
    let destinations = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    destinations
        .map(|destination| destination.destination.forwarding)
        .find_map(|forwarding| match forwarding {
            Forwarding::Tunnel(encapsulation) if encapsulation != Encapsulation::Ipip => {
                Some(encapsulation)
            }
            _ => None,
        })
}

/// Drops destinations that a cluster file refuses, and brings ports in line.
pub(super) fn drop_refused(
    service: &mut DraftService,
    tally: &mut Tally,
    taken: &BTreeSet<IpAddr>,
    tunnel: Option<Encapsulation>,
    directors: &BTreeSet<IpAddr>,
    is_paired: bool,
    keeps_loopback: bool,
) {
    let id = service.service.id;
    let mut seen = BTreeSet::new();
    let is_checked = service.health.is_checked();
    let (mut servers, mut has_fallback) = (BTreeSet::new(), false);
    let (remarks, mut lacks_fallback) = (&mut service.remarks, false);
    service.destinations.retain_mut(|draft| {
        let assumed = bring_port_in_line(&mut draft.destination, &id);
        let destination = &draft.destination;
        let problem = refused_destination(destination, &id, tunnel)
            .or_else(|| refused_address(destination.id.address, taken))
            .or_else(|| {
                let is_lost = destination.id.address.is_loopback() && !keeps_loopback;
                is_lost.then(|| UNKNOWN_SELF.to_owned())
            })
            .or_else(|| {
                let is_itself = is_paired && directors.contains(&destination.id.address);
                let is_lost = is_itself && destination.forwarding == Forwarding::Masquerade;
                is_lost.then(|| BYPASSES.to_owned())
            })
            .or_else(|| {
                let again = !draft.is_fallback && !seen.insert(destination.id);
                again.then(|| format!("{} is declared above", destination.id))
            })
            .or_else(|| {
                let is_free = !servers.contains(&destination.id.address) && !has_fallback;
                draft
                    .is_fallback
                    .then(|| refused_fallback(is_checked, is_free))?
            });
        if let Some(reason) = problem {
            if draft.is_fallback {
                lacks_fallback = true;
                remarks.insert(format!("no fallback: {reason}"));
            }
            match tally.is_used(draft.directive) {
                true => tally.doubt(draft.directive, &format!("not of {id}: {reason}")),
                false => tally.left(draft.directive, reason),
            }
            return false;
        }
        match draft.is_fallback {
            true => has_fallback = true,
            false => drop(servers.insert(destination.id.address)),
        }
        let is_director = directors.contains(&draft.destination.id.address);
        settle(draft, assumed, is_director, tally);
        true
    });
    // Weight 0 takes no connections, and does not count.
    let counts =
        |end: &&DraftDestination| !end.is_fallback && end.destination.weight > Weight::DRAIN;
    let counted = service.destinations.iter().filter(counts).count();
    service.health.minimum = service.health.minimum.min(counted).max(1);
    service.health.lacks_fallback = lacks_fallback && !has_fallback;
}

/// Why a loopback address is no destination of a director whose own is not known.
const UNKNOWN_SELF: &str = "it is the director itself, whose address the source does not give: add that to the director's \
                            addresses, and the director to the destinations";

/// Why a director is no masqueraded real server of two.
const BYPASSES: &str = "it is this director itself, whose masqueraded answers would bypass the other one while that is active";

/// A fallback is known by the name of its node.
fn refused_fallback(is_checked: bool, is_free: bool) -> Option<Reason> {
    if !is_checked {
        return Some(NO_CHECK.to_owned());
    }
    (!is_free).then(|| {
        "it is a real server of the service already, or another is its fallback".to_owned()
    })
}

fn settle(
    draft: &mut DraftDestination,
    assumed: Option<String>,
    is_director: bool,
    tally: &mut Tally,
) {
    let server = (!is_director).then(|| "the real server's interface and prefix length".to_owned());
    let reasons = [draft.assumed.take(), assumed, server];
    let reasons: Vec<_> = reasons.into_iter().flatten().collect();
    let to = match draft.is_fallback {
        true => "services.fallback",
        false => "services.destinations",
    };
    match reasons.is_empty() {
        true => tally.carried(draft.directive, to),
        false => tally.assumed(draft.directive, to, reasons.join("; ")),
    }
}

/// Only masquerading changes the port; a service by firewall mark has none.
fn bring_port_in_line(destination: &mut Destination, service: &ServiceId) -> Option<String> {
    let port = match service {
        ServiceId::Socket { address, .. } => address.port(),
        ServiceId::Fwmark { .. } => 0,
    };
    let id = &mut destination.id;
    if id.port == port || destination.forwarding == Forwarding::Masquerade && id.port != 0 {
        return None;
    }
    let written = std::mem::replace(&mut id.port, port);
    // What is left out is the port of the service.
    let is_marked = matches!(service, ServiceId::Fwmark { .. });
    (written != 0).then(|| match is_marked {
        true => format!("without port {written}: packets keep the port that clients ask for"),
        false => format!(
            "port {port} in place of {written}, which {} cannot change",
            destination.forwarding
        ),
    })
}

fn refused_destination(
    destination: &Destination,
    service: &ServiceId,
    tunnel: Option<Encapsulation>,
) -> Option<Reason> {
    match destination.forwarding {
        Forwarding::Masquerade | Forwarding::DirectRouting => {}
        Forwarding::Tunnel(kind) if kind == Encapsulation::Ipip || Some(kind) == tunnel => {}
        Forwarding::Tunnel(kind) => {
            return Some(format!(
                "a cluster has one encapsulation, and this is another: {kind}"
            ));
        }
        other => return Some(format!("{other} is not a method of a cluster")),
    }
    destination
        .check(service)
        .err()
        .map(|invalid| invalid.to_string())
}

fn refused_address(ip: IpAddr, taken: &BTreeSet<IpAddr>) -> Option<Reason> {
    if taken.contains(&ip) {
        return Some(format!(
            "{ip} is the director's, and not the one by which it is a real server"
        ));
    }
    (!is_host(ip)).then(|| format!("{ip} is not the address of a node"))
}

/// Returns the method of most destinations; masquerading where there are none.
pub(super) fn method(draft: &Draft) -> &'static str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let destinations = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    for destination in destinations {
        *counts
            .entry(word(destination.destination.forwarding))
            .or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or("nat", |(method, _)| method)
}

/// Returns a method as the file writes it, without its encapsulation.
pub(in crate::import) const fn word(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::DirectRouting => "dr",
        Forwarding::Tunnel(_) => "tunnel",
        _ => "nat",
    }
}
