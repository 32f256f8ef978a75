//! Services that a cluster file can have, each once.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Reason, word};
use crate::import::draft::{Draft, DraftService};
use crate::import::tally::Tally;
use crate::ipvs::{Forwarding, Protocol, SchedulerName, ServiceId};

/// Drops services that a cluster file refuses, and the second one of the same identity.
pub(super) fn drop_refused(draft: &mut Draft, tally: &mut Tally) {
    let mut seen = BTreeSet::new();
    draft.services.retain(|service| {
        let problem = match seen.insert(service.service.id) {
            true => refused_service(service),
            false => Some(format!("{} is declared above", service.service.id)),
        };
        if let Some(reason) = &problem {
            leave_service(service, tally, reason);
        }
        problem.is_none()
    });
}

pub(super) fn leave_service(service: &DraftService, tally: &mut Tally, reason: &str) {
    tally.left(service.directive, reason);
    for destination in &service.destinations {
        tally.left_too(
            destination.directive,
            format!("its service is not imported: {reason}"),
        );
    }
}

/// Drops services of a group that have no real server that they can have: those of the other family.
pub(super) fn drop_emptied(draft: &mut Draft, emptied: &BTreeSet<ServiceId>, tally: &mut Tally) {
    let reason = "none of its real servers can serve it, and the report says why";
    let is_kept = |service: &DraftService| !emptied.contains(&service.service.id);
    for service in draft.services.iter().filter(|service| !is_kept(service)) {
        let lines = service.target.into_iter().chain([service.directive]);
        lines.for_each(|line| tally.left(line, reason));
        let (id, place) = (service.service.id, &service.place);
        draft.notes.push(format!(
            "Not imported: {id} ({place}): none of its real servers can serve it."
        ));
    }
    draft.services.retain(is_kept);
    let vips: BTreeSet<IpAddr> = draft.services.iter().flat_map(virtual_ips).collect();
    let is_used = |ip: IpAddr| vips.contains(&ip);
    draft.addresses.retain(|address| {
        address.directive.is_some() || is_used(address.address.id.network.addr())
    });
}

fn refused_service(service: &DraftService) -> Option<Reason> {
    let kernel = &service.service;
    if !SchedulerName::KNOWN.contains(&kernel.scheduler) {
        return Some(format!("Linux has no scheduler {}", kernel.scheduler));
    }
    if let ServiceId::Socket { protocol, address } = kernel.id {
        if ![Protocol::TCP, Protocol::UDP, Protocol::SCTP].contains(&protocol) {
            return Some(format!("a cluster has no services of protocol {protocol}"));
        }
        if address.ip().is_loopback() {
            return Some("no client connects to a loopback address".to_owned());
        }
    }
    kernel.check().err().map(|invalid| invalid.to_string())
}

/// Drops sysctls that a cluster file refuses beside its other keys.
pub(super) fn drop_sysctls(draft: &mut Draft, tally: &mut Tally) {
    let Draft {
        services,
        sysctls,
        sysctl_lines,
        sync,
        ..
    } = draft;
    let has = |scheduler| {
        let mut services = services.iter();
        services.any(|service| service.service.scheduler == scheduler)
    };
    sysctls.retain(|name, value| {
        let reason = match name.as_str() {
            "backup-only" if sync.is_some() && value == "1" => {
                "a director with [sync] sends connections too, and would forward nothing"
            }
            "lblc-expiration" if !has(SchedulerName::LBLC) => "no service has the scheduler lblc",
            "lblcr-expiration" if !has(SchedulerName::LBLCR) => {
                "no service has the scheduler lblcr"
            }
            _ => return true,
        };
        let line = sysctl_lines.get(name);
        line.into_iter().for_each(|line| tally.left(*line, reason));
        false
    });
}

/// Why there is no `[sync]` beside a tunnel from one family to the other.
pub(in crate::import) const MIXED: &str =
    "the kernel synchronises nothing beside a destination of another family";

/// Drops a synchronisation that the kernel refuses.
pub(super) fn drop_sync(draft: &mut Draft, tally: &mut Tally) {
    let is_mixed = draft.services.iter().any(|service| {
        let family = service.service.id.family();
        let mut ends = service.destinations.iter();
        ends.any(|end| end.destination.id.family() != family)
    });
    if is_mixed && draft.sync.take().is_some() {
        let lines = draft.sync_lines.iter();
        lines.for_each(|line| tally.left(*line, MIXED));
    }
}

/// Says in the file that a mark alone tells real servers no address.
pub(super) fn remark_match(service: &mut DraftService, directors: &BTreeSet<IpAddr>) {
    let is_director = |ip: IpAddr| ip.is_loopback() || directors.contains(&ip);
    let mut methods = service
        .destinations
        .iter()
        .filter(|end| !is_director(end.destination.id.address))
        .map(|end| end.destination.forwarding);
    let carries = methods.find(|method| *method != Forwarding::Masquerade);
    if let (ServiceId::Fwmark { mark, .. }, Some(method)) = (service.service.id, carries)
        && service.matches.is_empty()
    {
        let method = word(method);
        service.remarks.insert(format!(
            "match is missing: the source does not say which addresses have the mark {mark}, so real servers of {method} \
             do not carry them, and drop what clients send there; add match = [\"tcp ADDRESS:PORT\"]"
        ));
    }
}

/// Returns what clients connect to: the address of a service, or those that are marked for it.
pub(super) fn virtual_ips(service: &DraftService) -> BTreeSet<IpAddr> {
    let own = match service.service.id {
        ServiceId::Socket { address, .. } => Some(address.ip()),
        ServiceId::Fwmark { .. } => None,
    };
    let marked = service.matches.iter().map(|packets| packets.address.ip());
    own.into_iter().chain(marked).collect()
}
