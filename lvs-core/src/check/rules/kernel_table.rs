//! What the kernel's table holds that it should never have been given.

use std::net::IpAddr;

use crate::check::kind::{FindingKind, kinds};
use crate::check::scene::director_here;
use crate::check::{Facts, Finding, ListedService};
use crate::cluster::Cluster;
use crate::ipvs::{DestinationStatus, Forwarding, SchedulerName, ServiceId};

kinds! {
    PORT_ZERO = "LVS024", Error, Services,
    title: "A service of every port has no persistence",
    impact: "the kernel schedules nothing for it and only logs that port zero needs persistence",
    explanation: "Port 0 means every port, and works only for persistent services. The kernel accepts it without persistence over netlink all the same, \
        though ipvsadm refuses it. Name a port, or give the service persistence.";

    NOT_LOADED = "LVS030", Error, Services,
    title: "IPVS is not loaded on the director",
    impact: "nothing is balanced: packets to the virtual IP meet this machine's own ports",
    explanation: "The module ip_vs is not in the kernel, so no service can be. It is loaded by whatever changes the table for the first time; \
        usually this means that nothing was applied since the machine started. Run lvsctl apply, and see that it runs at every start.";

    NO_SCHEDULER = "LVS031", Error, Services,
    title: "A service has no scheduler",
    impact: "the kernel refuses every new connection",
    explanation: "The kernel reports the scheduler of this service as none. It was set so by hand, or its module is gone. \
        Every new connection is refused, though the destinations and their weights look well. \
        Load the module ip_vs_NAME and edit the service; lvsctl apply does both.";

    PORT_WITHOUT_NAT = "LVS032", Warning, Services,
    title: "A destination of direct routing has another port",
    impact: "packets keep the port of the service, so nothing ever reaches the port that is shown",
    explanation: "Only masquerading rewrites ports. The kernel stores another port for direct routing and tunnels all the same, and shows it in every listing, \
        but packets arrive at the service's port. ipvsadm corrects it silently; other programs do not. Use the service's port, or masquerading.";

    DEAD_DESTINATION = "LVS043", Error, Services,
    title: "A destination that no packet can reach",
    impact: "its share of the clients gets no answer",
    explanation: "The kernel's table has a destination whose address is loopback, or the virtual IP itself without being local delivery. \
        The kernel takes 127.0.0.1 without a word, and packets of clients for it are dropped as martians. Delete it and use the machine's own address.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts.filter(|facts| director_here(cluster, facts).is_some()) else {
        return Vec::new();
    };
    if facts.ipvs_loaded == Some(false) {
        let seen = "the module ip_vs is not in the kernel";
        let finding = NOT_LOADED.finding("ip_vs", seen).on(&facts.node);
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
    let finding = |kind: &FindingKind, seen: &str| kind.finding(service.id, seen).on(&facts.node);
    let mut found = Vec::new();
    if service.scheduler == SchedulerName::NONE {
        let finding = finding(&NO_SCHEDULER, "its scheduler is none");
        found.push(finding.fix("lvsctl apply FILE"));
    }
    let every_port = matches!(service.id, ServiceId::Socket { address, .. } if address.port() == 0);
    if every_port && service.persistence.is_none() {
        let finding = finding(
            &PORT_ZERO,
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
        DEAD_DESTINATION
            .finding(object, format!("{ip} {problem}"))
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
        PORT_WITHOUT_NAT
            .finding(object, seen)
            .on(&facts.node)
            .fix("lvsctl apply FILE, which gives it the port of the service")
    })
}
