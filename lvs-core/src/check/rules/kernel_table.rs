//! What the kernel's table holds that it should never have been given.

use std::net::IpAddr;

use crate::check::scene::director_here;
use crate::check::{Code, Facts, Finding, ListedService};
use crate::cluster::Cluster;
use crate::ipvs::{DestinationStatus, Forwarding, SchedulerName, ServiceId};

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| director_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    if facts.ipvs_loaded == Some(false) {
        let seen = "the module ip_vs is not in the kernel";
        let finding = Finding::new(Code::NOT_LOADED, "ip_vs", seen).on(&facts.node);
        return vec![finding.fix("lvsctl apply FILE")];
    }
    let vips = cluster.virtual_ips();
    let entries = facts.now().into_iter().flat_map(|now| &now.services);
    let ours = entries.filter(|entry| vip(entry).is_some_and(|vip| vips.contains(&vip)));
    ours.flat_map(|entry| judge(facts, entry)).collect()
}

fn vip(entry: &ListedService) -> Option<IpAddr> {
    match entry.status.service.id {
        ServiceId::Socket { address, .. } => Some(address.ip()),
        ServiceId::Fwmark { .. } => None,
    }
}

fn judge(facts: &Facts, entry: &ListedService) -> Vec<Finding> {
    let service = &entry.status.service;
    let finding = |code, seen: &str| Finding::new(code, service.id, seen).on(&facts.node);
    let mut found = Vec::new();
    if service.scheduler == SchedulerName::NONE {
        let finding = finding(Code::NO_SCHEDULER, "its scheduler is none");
        found.push(finding.fix("lvsctl apply FILE"));
    }
    let every_port = matches!(service.id, ServiceId::Socket { address, .. } if address.port() == 0);
    if every_port && service.persistence.is_none() {
        let finding = finding(
            Code::PORT_ZERO,
            "it is a service of every port without persistence",
        );
        found.push(finding.fix("lvsctl apply FILE --take-over, which deletes it or gives it the persistence of the file"));
    }
    for destination in &entry.destinations {
        found.extend(dead(facts, service.id, destination));
        found.extend(mapped(facts, service.id, destination));
    }
    found
}

/// Local delivery needs no address that can be reached; everything else does.
fn dead(facts: &Facts, service: ServiceId, status: &DestinationStatus) -> Option<Finding> {
    let destination = &status.destination;
    let ip = destination.id.address;
    let is_vip = matches!(service, ServiceId::Socket { address, .. } if address.ip() == ip);
    let problem = match () {
        () if destination.forwarding == Forwarding::Local => return None,
        () if ip.is_loopback() => "is the loopback address",
        () if is_vip => "is the virtual IP itself",
        () => return None,
    };
    let object = format!("{} of {service}", destination.id);
    Some(
        Finding::new(Code::DEAD_DESTINATION, object, format!("{ip} {problem}"))
            .on(&facts.node)
            .fix("lvsctl apply FILE, which deletes it"),
    )
}

fn mapped(facts: &Facts, service: ServiceId, status: &DestinationStatus) -> Option<Finding> {
    let destination = &status.destination;
    let ServiceId::Socket { address, .. } = service else {
        return None;
    };
    let keeps = destination.forwarding != Forwarding::Masquerade;
    let seen = format!(
        "{} keeps the port {}, but the destination says {}",
        destination.forwarding,
        address.port(),
        destination.id.port
    );
    let object = format!("{} of {service}", destination.id);
    (keeps && destination.id.port != address.port()).then(|| {
        Finding::new(Code::PORT_WITHOUT_NAT, object, seen)
            .on(&facts.node)
            .fix("lvsctl apply FILE, which gives it the port of the service")
    })
}
